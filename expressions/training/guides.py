"""Guides: the trained networks that judge edits, and those that a discriminator sees through."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch

from ..attributes import missing_sliders
from ..networks.classifier import AttributeClassifier, load_classifiers
from ..networks.discriminators import FeatureNetwork
from ..networks.files import digest, fingerprint
from ..networks.precision import channels_last
from .backbone import load_backbone
from .config import NO_BACKBONE, TrainConfig
from .options import split_paths

BACKBONE, CLASSIFIER = "backbone", "classifier"  # what discriminators see through; a number tells further backbones


@dataclass(frozen=True)
class Guides:
    """The networks. The first classifier also is one that a discriminator sees through."""

    classifiers: tuple[AttributeClassifier, ...] = ()  # whose scores an edit moves and holds
    attributes: tuple[str, ...] = ()  # what each of them scores
    features: Mapping[str, FeatureNetwork] = field(default_factory=dict)  # what discriminators see through, by name
    digests: Mapping[str, str] = field(default_factory=dict)  # of every file, by its path
    versions: Mapping[str, str] = field(default_factory=dict)  # of `features`: the same text for the same network


def load_guides(config: TrainConfig, device: torch.device | str = "cpu") -> Guides:
    """Read the networks that a training's options name.

    Raises:
        ValueError: one cannot be read, or the classifiers score different attributes or not all that the training
            teaches.
    """
    paths = split_paths(config.classifiers)
    classifiers, attributes = load_classifiers(paths) if paths else ([], ())
    missing = missing_sliders(attributes) if paths else []
    if missing:
        raise ValueError(f"classifiers must score {missing[0]}, which the training teaches: {config.classifiers}")
    for network in classifiers:
        channels_last(network).to(device)
    digests = {path: digest(Path(path)) for path in paths}

    features: dict[str, FeatureNetwork] = {}
    versions: dict[str, str] = {}
    if config.backbone != NO_BACKBONE:
        for index, source in enumerate(split_paths(config.backbone)):
            name, backbone = f"{BACKBONE}{index or ''}", load_backbone(source, config.backbone_side)
            versions[name] = f"{fingerprint(backbone)} at {config.backbone_side}"
            features[name] = backbone.to(device)
    if classifiers:
        features[CLASSIFIER], versions[CLASSIFIER] = classifiers[0], digests[paths[0]]
    return Guides(tuple(classifiers), attributes, features, digests, versions)
