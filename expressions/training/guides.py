"""The trained networks that teach edits, and those that a discriminator sees through: one that does both is one."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import torch

from ..attributes import missing_sliders
from ..networks.classifier import AttributeClassifier, load_classifier, load_classifiers
from ..networks.identity import IdentityEmbedding, load_identity
from ..networks.layout import channels_last
from .options import split_paths

Guide = AttributeClassifier | IdentityEmbedding


@dataclass(frozen=True)
class Guides:
    """The networks, those of a kind in the order of their paths."""

    classifiers: tuple[AttributeClassifier, ...] = ()  # whose scores an edit holds
    attributes: tuple[str, ...] = ()  # what each of them scores
    identity: IdentityEmbedding | None = None  # by which people are to stay who they are
    features: tuple[Guide, ...] = ()  # what the discriminator sees through
    digests: dict[str, str] = field(default_factory=dict)  # SHA-256 of every file, by its path


def load_guides(
    *, classifiers: str | None, identity: str | None, features: str | None, device: torch.device | str = "cpu"
) -> Guides:
    """Read the networks that the options of a training name, as paths separated by commas.

    Raises:
        ValueError: one cannot be read; the classifiers score different attributes, or not all that the training
            teaches; a feature network is neither a classifier nor an identity embedding.
    """
    held, seen_through = split_paths(classifiers), split_paths(features)
    models, attributes = load_classifiers(held) if held else ([], ())
    missing = missing_sliders(attributes) if held else []
    if missing:
        raise ValueError(f"classifiers must score {missing[0]}, which the training teaches: {classifiers}")
    embedding = load_identity(Path(identity)) if identity else None
    read: dict[str, Guide] = dict(zip(held, models, strict=True))
    if identity and embedding:
        read[identity] = embedding
    read |= {path: _feature_network(Path(path)) for path in seen_through if path not in read}
    for network in {*models, *read.values()}:  # a path may be given twice, and is then read twice
        channels_last(network).to(device)
    return Guides(
        classifiers=tuple(models),
        attributes=attributes,
        identity=embedding,
        features=tuple(read[path] for path in seen_through),
        digests={path: _digest(path) for path in read},
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
