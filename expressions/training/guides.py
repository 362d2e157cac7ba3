"""Guides: the trained networks that judge edits, and those that a discriminator sees through."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch

from ..attributes import missing_sliders
from ..networks.classifier import AttributeClassifier, load_classifier, load_classifiers
from ..networks.identity import IdentityEmbedding, load_identity
from ..networks.precision import channels_last
from .config import TrainConfig
from .options import split_paths

Guide = AttributeClassifier | IdentityEmbedding


@dataclass(frozen=True)
class Guides:
    """The networks, each kind in the order of its paths. One that judges edits and is seen through is one network."""

    classifiers: tuple[AttributeClassifier, ...] = ()  # whose scores an edit moves and holds
    attributes: tuple[str, ...] = ()  # what each of them scores
    identity: IdentityEmbedding | None = None  # by which people stay who they are
    features: tuple[Guide, ...] = ()  # what the discriminator sees through
    digests: Mapping[str, str] = field(default_factory=dict)  # SHA-256 of every file, by its path
    features_digest: str = ""  # the digests of `features`, separated by commas


def load_guides(config: TrainConfig, device: torch.device | str = "cpu") -> Guides:
    """Read the networks that a training's options name.

    Raises:
        ValueError: one cannot be read; the classifiers score different attributes, or not all that the training
            teaches; a feature network is neither a classifier nor an identity embedding.
    """
    held, features = split_paths(config.classifiers), split_paths(config.features)
    models, attributes = load_classifiers(held) if held else ([], ())
    missing = missing_sliders(attributes) if held else []
    if missing:
        raise ValueError(f"classifiers must score {missing[0]}, which the training teaches: {config.classifiers}")
    classifiers = dict(zip(held, models, strict=True))
    read: dict[str, Guide] = {**classifiers}
    identity = None
    if config.identity:
        read[config.identity] = identity = load_identity(Path(config.identity))
    read |= {path: _feature_network(Path(path)) for path in features if path not in read}
    for network in read.values():
        channels_last(network).to(device)
    digests = {path: _digest(path) for path in read}
    return Guides(
        classifiers=tuple(classifiers[path] for path in held),
        attributes=attributes,
        identity=identity,
        features=tuple(read[path] for path in features),
        digests=digests,
        features_digest=",".join(digests[path] for path in features),
    )


def _feature_network(path: Path) -> Guide:
    try:
        return load_classifier(path)[0]
    except ValueError as error:
        not_a_classifier = error
    try:
        return load_identity(path)
    except ValueError as error:
        raise ValueError(f"{not_a_classifier}; {error}") from error


def _digest(path: str) -> str:
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
