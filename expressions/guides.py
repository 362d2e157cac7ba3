"""The trained networks that a training of the generator looks through, each read once."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from .attributes import missing_sliders
from .classifier import AttributeClassifier, load_classifier, load_classifiers
from .errors import first_line
from .identity import IdentityEmbedding, load_identity
from .options import channels_last, split_paths

Guide = AttributeClassifier | IdentityEmbedding


@dataclass(frozen=True)
class Guides:
    """What teaches edits, and what the discriminator sees through; a network may do both."""

    classifiers: Sequence[AttributeClassifier] = ()  # whose scores an edit holds
    attributes: tuple[str, ...] = ()  # what each of them scores
    identity: IdentityEmbedding | None = None  # by which people are to stay who they are
    features: Sequence[Guide] = ()


def load_guides(
    classifiers: str | None, identity: str | None, features: str | None, device: torch.device | str = "cpu"
) -> Guides:
    """Read the networks that the options of a training name, as paths separated by commas.

    Raises:
        ValueError: one cannot be read; the classifiers score different attributes, or not all that the training
            teaches; a feature network is neither a classifier nor an identity embedding.
    """
    held = split_paths(classifiers)
    models, attributes = load_classifiers(held) if held else ([], ())
    missing = missing_sliders(attributes)
    if held and missing:
        raise ValueError(f"classifiers must score {missing[0]}, which the training teaches: {classifiers}")
    read: dict[str, Guide] = dict(zip(held, models, strict=True))
    embedding = load_identity(Path(identity)) if identity else None
    if identity and embedding:
        read[identity] = embedding
    seen_through = split_paths(features)
    read |= {path: _feature_network(Path(path)) for path in seen_through if path not in read}
    for network in (*models, *read.values()):
        channels_last(network).to(device)
    return Guides(models, attributes, embedding, [read[path] for path in seen_through])


def _feature_network(path: Path) -> AttributeClassifier | IdentityEmbedding:
    try:
        return load_identity(path)
    except ValueError as error:
        reason = first_line(error.__cause__ or error)
    try:
        return load_classifier(path)[0]
    except ValueError as error:
        raise ValueError(f"{path} holds neither an attribute classifier nor an identity embedding: {reason}") from error
