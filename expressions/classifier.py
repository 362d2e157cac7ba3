"""The attribute classifier: which of CelebA's attributes a face shows."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from safetensors import safe_open
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits
from tqdm.auto import tqdm

from .augmentation import add_noise, mirror, relight, shift
from .errors import first_line
from .images import to_unit
from .options import MAX_SEED, DataOptions, DeviceOptions, autocast_to, channels_last, option
from .runs import save_network

Network = TypeVar("Network", bound=nn.Module)


@dataclass(frozen=True, kw_only=True)
class FitOptions(DeviceOptions):
    """How a network is fitted to faces."""

    epochs: int = option(16, "passes over the faces", above=0)
    batch_size: int = option(128, "faces in one step", least=2)
    lr: float = option(2e-3, "peak of the one-cycle schedule of AdamW's rate", above=0)
    seed: int = option(0, "seed of everything drawn, new weights included", least=0, most=MAX_SEED)


@dataclass(frozen=True, kw_only=True)
class ClassifierConfig(DataOptions, FitOptions):
    """Every option of the classifier's fit."""

    split: str = option("train", "split to fit on")
    test_split: str = option("valid", "split to report the accuracy on")
    out: str = option("runs/classifier", "folder for the classifier and its accuracies")


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
    # Channels and side of each of `maps`.
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
        """What the layers see of images (N, 3, 64, 64) in [-1, 1]: the last features of each side, `MAPS`."""
        seen, maps = images, []
        for layer in self.features:
            if isinstance(layer, nn.MaxPool2d | nn.AdaptiveAvgPool2d):
                maps.append(seen)
            seen = layer(seen)
        return maps


Augment = Callable[[Tensor, torch.Generator], Tensor]
Loss = Callable[[Tensor, Tensor], Tensor]


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


def attribute_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy of logits (N, K) and labels (N, K) bool, each attribute by itself."""
    return binary_cross_entropy_with_logits(logits, labels.float())


def fit_labels(
    model: Network,
    images: Tensor,
    labels: Tensor,
    config: FitOptions,
    augment: Augment,
    *,
    loss: Loss = attribute_loss,
) -> Network:
    """Fit what a network makes of images to labels.

    Args:
        model: maps images (N, 3, 64, 64) in [-1, 1] to logits (N, K).
        images: (N, 3, 64, 64) uint8.
        labels: (N, ...), one row for each image.
        config: the options.
        augment: changes a batch of images in [-1, 1] at random.
        loss: of logits in float32 and their labels.

    Returns:
        The model on the CPU, in evaluation mode.

    Raises:
        ValueError: there are fewer faces than one batch holds.
        FloatingPointError: the loss is no longer finite.
    """
    batch_size = config.batch_size
    if len(images) < batch_size:
        raise ValueError(f"fitting needs at least one batch of {batch_size} faces, got {len(images)}")
    device, dtype = config.resolve()
    rng = torch.Generator(device).manual_seed(config.seed)
    model, images, labels = channels_last(model).to(device), images.to(device), labels.to(device)
    steps = len(images) // batch_size
    optimizer = torch.optim.AdamW(model.parameters(), config.lr, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, config.lr, total_steps=steps * config.epochs)
    with tqdm(total=steps * config.epochs * batch_size, unit="img", unit_scale=True) as bar:
        for _ in range(config.epochs):
            for index in torch.randperm(len(images), generator=rng, device=device).split(batch_size)[:steps]:
                batch = augment(to_unit(images[index]), rng)
                with autocast_to(device, dtype):
                    logits = model(batch)
                cost = loss(logits.float(), labels[index])
                optimizer.zero_grad(set_to_none=True)
                cost.backward()
                optimizer.step()
                schedule.step()
                bar.update(batch_size)
            bar.set_postfix(loss=f"{cost.item():.4f}")
            if not cost.isfinite():
                raise FloatingPointError(f"the loss is not finite; try a lower rate than {config.lr:g}")
    return model.cpu().eval().requires_grad_(False)


def augment(images: Tensor, rng: torch.Generator) -> Tensor:
    """Mirror, shift, relight and blemish images (N, 3, 64, 64) in [-1, 1]."""
    seen = relight(shift(mirror(images, rng), 3, rng), rng)
    return add_noise(seen, 0.1 * torch.rand(len(images), 1, 1, 1, generator=rng, device=images.device), rng)


@torch.no_grad()
def predict(model: nn.Module, images: Tensor, batch_size: int = 256) -> Tensor:
    """What a network makes of uint8 images (N, 3, 64, 64): logits, or an embedding, (N, K)."""
    return torch.cat([model(to_unit(batch)) for batch in images.split(batch_size)])


def accuracy(logits: Tensor, labels: Tensor) -> Tensor:
    """Share of right answers at logit 0, for each attribute: logits (N, K), labels (N, K) bool -> (K,)."""
    return ((logits > 0) == labels).float().mean(0)


def save_classifier(model: AttributeClassifier, attributes: Sequence[str], path: Path) -> None:
    """Write the weights, with the names of the outputs in the file's metadata.

    Raises:
        RunError: the disk is full or the folder cannot be written; `path` is as it was.
    """
    save_network(model, path, {"attributes": json.dumps(list(attributes))})


def load_classifier(path: Path) -> tuple[AttributeClassifier, tuple[str, ...]]:
    """Read what `save_classifier` wrote: the classifier in evaluation mode, and its attributes.

    Raises:
        ValueError: the file is missing or does not hold this classifier.
    """
    try:
        with safe_open(path, framework="pt") as file:
            attributes = tuple(json.loads(file.metadata()["attributes"]))
            model = AttributeClassifier(len(attributes))
            model.load_state_dict({name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118
    except Exception as error:  # safetensors, json and torch have no common type for a broken file
        raise ValueError(f"{path} does not hold an attribute classifier: {first_line(error)}") from error
    return model.eval().requires_grad_(False), attributes


def load_classifiers(paths: Sequence[str]) -> tuple[list[AttributeClassifier], tuple[str, ...]]:
    """Read several classifiers, and the attributes that each of them scores.

    Raises:
        ValueError: one cannot be read, or scores other attributes than the first.
    """
    models, names = zip(*(load_classifier(Path(path)) for path in paths), strict=True)
    if len(set(names)) > 1:
        raise ValueError(f"classifiers must score the same attributes in the same order: {','.join(paths)}")
    return list(models), names[0]
