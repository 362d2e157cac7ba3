"""training.classifier_fit."""

from dataclasses import dataclass

import torch
from torch import Tensor

from ..networks.classifier import AttributeClassifier
from .config import DataOptions
from .fits import FitOptions, augment, fit_labels
from .options import option


@dataclass(frozen=True, kw_only=True)
class ClassifierConfig(DataOptions, FitOptions):
    """Every option of the classifier's fit."""

    split: str = option("train", "split to fit on")
    test_split: str = option("valid", "split to report the accuracy on")
    out: str = option("runs/classifier", "folder for the classifier and its accuracies")


def fit_classifier(images: Tensor, labels: Tensor, config: FitOptions) -> AttributeClassifier:
    """Fit a classifier of all attributes, on faces that `augment` changes.

    Args:
        images: (N, 3, 64, 64) uint8.
        labels: (N, K) bool.
        config: the options.

    Returns:
        The classifier on the CPU, in evaluation mode.

    Raises:
        ValueError, FloatingPointError: as for `fit_labels`.
    """
    torch.manual_seed(config.seed)
    return fit_labels(AttributeClassifier(labels.shape[1]), images, labels, config, augment)


def accuracy(logits: Tensor, labels: Tensor) -> Tensor:
    """Share of right answers at logit 0, for each attribute: logits (N, K), labels (N, K) bool -> (K,)."""
    return ((logits > 0) == labels).float().mean(0)
