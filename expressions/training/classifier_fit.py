"""The fit of the attribute classifier."""

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ..attributes import CELEBA_ATTRIBUTES
from ..networks.classifier import AttributeClassifier, predict, save_classifier
from .config import DataOptions
from .data import FaceDataset, load_faces
from .fits import PROGRESS, FitOptions, fit_labels, prepare
from .options import option


@dataclass(frozen=True, kw_only=True)
class ClassifierConfig(DataOptions, FitOptions):
    """Every option of the classifier's fit."""

    split: str = option("train", "split to fit on")
    test_split: str = option("valid", "split to report the accuracy on")
    out: str = option("runs/classifier", "folder for the classifier and its accuracies")


def run_classifier(config: ClassifierConfig) -> str:
    """Fit the classifier of all 40 attributes and report its accuracy."""
    out = prepare(config, config.out)
    faces = load_faces(config, config.split, attributes=CELEBA_ATTRIBUTES)
    test_faces = load_faces(config, config.test_split, attributes=CELEBA_ATTRIBUTES)
    classifier = fit_classifier(faces.images, faces.labels, config, out / PROGRESS)
    return save_with_accuracy(classifier, test_faces, out)


def fit_classifier(
    images: Tensor, labels: Tensor, config: FitOptions, progress: Path | None = None
) -> AttributeClassifier:
    """Fit a classifier of all attributes, as `fit_labels` does: images (N, 3, 64, 64) uint8, labels (N, K) bool."""
    torch.manual_seed(config.seed)
    return fit_labels(AttributeClassifier(labels.shape[1]), images, labels, config, progress=progress)


def accuracy(logits: Tensor, labels: Tensor) -> Tensor:
    """Share of right answers at logit 0, for each attribute: logits (N, K), labels (N, K) bool -> (K,)."""
    return ((logits > 0) == labels).float().mean(0)


def save_with_accuracy(model: AttributeClassifier, test_faces: FaceDataset, out: Path) -> str:
    """Save a classifier and its accuracies into a folder; returns them as a text."""
    rates = accuracy(predict(model, test_faces.images), test_faces.labels)
    report = {"mean": rates.mean().item(), "faces": len(test_faces)}
    report |= dict(zip(test_faces.attributes, rates.tolist(), strict=True))
    save_classifier(model, test_faces.attributes, out / "classifier.safetensors")
    (out / "accuracy.json").write_text(json.dumps(report, indent=2) + "\n")
    (out / PROGRESS).unlink(missing_ok=True)
    return "\n".join(f"{name:20} {round(value, 3)}" for name, value in report.items())
