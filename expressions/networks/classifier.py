"""The attribute classifier: which of CelebA's attributes a face shows."""

import json
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from ..errors import WeightsError, weights_errors
from ..images import to_unit
from .files import load_tensors, read_tensors, save_network


def _convolution(inputs: int, outputs: int, stride: int = 1) -> list[nn.Module]:
    return [
        nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    ]


class AttributeClassifier(nn.Module):
    """Convolutional network with one logit for each attribute.

    Args:
        outputs: number of attributes.
    """

    FEATURES = 256
    # Channels and side of what `maps` returns.
    MAPS: Sequence[tuple[int, int]] = ((64, 32), (128, 16), (160, 8), (FEATURES, 4))

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.features = nn.Sequential(
            *_convolution(3, 32, stride=2),  # 32x32
            *_convolution(32, 64),
            nn.MaxPool2d(2),  # 16x16
            *_convolution(64, 128),
            *_convolution(128, 128),
            nn.MaxPool2d(2),  # 8x8
            *_convolution(128, 160),
            *_convolution(160, 160),
            nn.MaxPool2d(2),  # 4x4
            *_convolution(160, self.FEATURES),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
        )
        self.head = nn.Sequential(nn.Dropout(0.2), nn.Linear(self.FEATURES, outputs))

    def forward(self, images: Tensor) -> Tensor:
        """Score images (N, 3, 64, 64) in [-1, 1] -> logits (N, K); positive means present."""
        logits: Tensor = self.head(self.features(images))
        return logits

    def maps(self, images: Tensor) -> list[Tensor]:
        """The last feature maps of each side, as `MAPS` lists them, of images (N, 3, 64, 64) in [-1, 1]."""
        seen, maps = images, []
        for layer in self.features:
            if isinstance(layer, nn.MaxPool2d | nn.AdaptiveAvgPool2d):
                maps.append(seen)
            seen = layer(seen)
        return maps


@torch.no_grad()
def predict(model: nn.Module, images: Tensor, batch_size: int = 256) -> Tensor:
    """Run a network over uint8 images (N, 3, 64, 64), batch by batch -> its logits or embeddings (N, K)."""
    return torch.cat([model(to_unit(batch)) for batch in images.split(batch_size)])


def save_classifier(model: AttributeClassifier, attributes: Sequence[str], path: Path) -> None:
    """Write the weights, with the names of the outputs in the file's metadata.

    Raises:
        OSError: as for `write_atomically`.
    """
    save_network(model, path, {"attributes": json.dumps(list(attributes))})


def load_classifier(path: Path) -> tuple[AttributeClassifier, tuple[str, ...]]:
    """Read what `save_classifier` wrote: the classifier in evaluation mode, and its attributes.

    Raises:
        WeightsError: the file is missing or does not hold an attribute classifier.
    """
    with weights_errors(f"{path} does not hold an attribute classifier"):
        tensors, metadata = read_tensors(path)
        attributes = tuple(json.loads(metadata.get("attributes", "[]")))
        if not attributes:
            raise WeightsError("no names of attributes in its metadata")
        model = AttributeClassifier(len(attributes))
        load_tensors(model, tensors)
    return model.eval().requires_grad_(False), attributes


def load_classifiers(paths: Sequence[str]) -> tuple[list[AttributeClassifier], tuple[str, ...]]:
    """Read several classifiers, and the attributes that each of them scores.

    Raises:
        WeightsError: one cannot be read, or scores other attributes than the first.
    """
    models, names = zip(*(load_classifier(Path(path)) for path in paths), strict=True)
    if len(set(names)) > 1:
        raise WeightsError(f"classifiers must score the same attributes in the same order: {','.join(paths)}")
    return list(models), names[0]
