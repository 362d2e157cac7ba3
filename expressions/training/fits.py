"""The fit of any network to labelled faces."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits
from tqdm.auto import tqdm

from ..files import write_atomically
from ..images import to_unit
from ..latents import MAX_SEED
from ..networks.precision import channels_last
from .augmentation import augment
from .config import DeviceOptions
from .options import option
from .run_folder import check_options, read_checkpoint, same_faces, write_options

PROGRESS = "progress.pt"  # of a fit that is not finished, in the folder of its result
Network = TypeVar("Network", bound=nn.Module)


@dataclass(frozen=True, kw_only=True)
class FitOptions(DeviceOptions):
    """How a network is fitted to faces."""

    epochs: int = option(16, "passes over the faces", above=0)
    batch_size: int = option(128, "faces in one step", least=2)
    lr: float = option(2e-3, "peak of the one-cycle schedule of AdamW's rate", above=0)
    seed: int = option(0, "seed of everything drawn, new weights included", least=0, most=MAX_SEED)


def prepare(config: FitOptions, out: str) -> Path:
    """Check the device and make the folder for the result, before the data are read: that takes long.

    Raises:
        ValueError: this machine lacks the device, or the folder holds an unfinished fit with other options.
    """
    config.resolve()
    folder = Path(out)
    if (folder / PROGRESS).exists():
        check_options(folder, config)
    else:
        write_options(folder, config)
    return folder


def attribute_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy of logits (N, K) and labels (N, K) bool, each attribute by itself."""
    return binary_cross_entropy_with_logits(logits, labels.float())


def fit_labels(
    model: Network,
    images: Tensor,
    labels: Tensor,
    config: FitOptions,
    augment: Callable[[Tensor, torch.Generator], Tensor] = augment,
    *,
    loss: Callable[[Tensor, Tensor], Tensor] = attribute_loss,
    progress: Path | None = None,
) -> Network:
    """Fit what a network makes of images to labels; returns it on the CPU, in evaluation mode.

    A fit that goes on from its progress ends in the same weights as one that never stopped, on a CPU bit for bit.

    Args:
        model: maps images (N, 3, 64, 64) in [-1, 1] to logits (N, K).
        images: (N, 3, 64, 64) uint8.
        labels: (N, ...).
        augment: changes a batch of images in [-1, 1] at random.
        loss: of logits in float32 and their labels.
        progress: file that is written after each pass, and gone on from if it is there. It stays.

    Raises:
        ValueError: there are fewer faces than one batch holds, or the progress is that of other faces.
        FloatingPointError: the loss is no longer finite.
    """
    batch_size = config.batch_size
    if len(images) < batch_size:
        raise ValueError(f"fitting needs at least one batch of {batch_size} faces, got {len(images)}")
    device = config.resolve()
    rng = torch.Generator(device).manual_seed(config.seed)
    model, images, labels = channels_last(model).to(device), images.to(device), labels.to(device)
    steps = len(images) // batch_size
    # The weight decay was chosen by hand and not tuned.
    optimizer = torch.optim.AdamW(model.parameters(), config.lr, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, config.lr, total_steps=steps * config.epochs)

    def step(index: Tensor) -> Tensor:
        batch = augment(to_unit(images[index]), rng)
        with config.autocast(device):
            logits = model(batch)
        cost = loss(logits.float(), labels[index])
        descend(cost, optimizer, schedule)
        return cost

    parts = {"model": model, "optimizer": optimizer, "schedule": schedule}
    run_passes(step, (images, labels), parts, rng=rng, config=config, progress=progress)
    return model.cpu().eval().requires_grad_(False)


def run_passes(
    step: Callable[[Tensor], Tensor],
    faces: tuple[Tensor, Tensor],
    parts: dict[str, Any],
    *,
    rng: torch.Generator,
    config: FitOptions,
    progress: Path | None,
) -> None:
    """Take a step for each whole batch of every pass over the faces, in a new order each time.

    Args:
        step: is given which faces, (batch,); returns the loss.
        faces: images (N, 3, H, W) uint8, and what else the fit learns from: a fit goes on with the same alone.
        parts: what the steps change, by name.
        rng: the source of all random numbers but those of dropout.
        progress: as for `fit_labels`.

    Raises:
        ValueError, FloatingPointError: as for `fit_labels`.
    """
    images, others = faces
    batch_size = config.batch_size
    steps = len(images) // batch_size
    state = read_checkpoint(progress) if progress is not None and progress.exists() else {}
    told = same_faces(images, state.get("faces", ""), progress.parent, others) if progress is not None else ""
    done = restore_progress(state, parts, rng) if state else 0
    length = steps * batch_size
    with tqdm(total=length * config.epochs, initial=length * done, unit="img", unit_scale=True) as bar:
        for epoch in range(done, config.epochs):
            for index in torch.randperm(len(images), generator=rng, device=rng.device).split(batch_size)[:steps]:
                cost = step(index)
                bar.update(batch_size)
            bar.set_postfix(loss=f"{cost.item():.4f}")
            if not cost.isfinite():
                raise FloatingPointError(f"the loss is not finite; try a lower rate than {config.lr:g}")
            if progress is not None:
                keep_progress(progress, parts, rng, {"faces": told, "done": epoch + 1})


def descend(loss: Tensor, optimizer: torch.optim.Optimizer, schedule: torch.optim.lr_scheduler.LRScheduler) -> None:
    """Change what an optimiser holds along the gradients of a loss, and its rate by a step of the schedule."""
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    schedule.step()


def keep_progress(path: Path, parts: dict[str, Any], rng: torch.Generator, facts: dict[str, Any]) -> None:
    """Write what a fit is after a pass. Dropout draws from PyTorch's own random state."""
    state = facts | {name: part.state_dict() for name, part in parts.items()}
    state["random"] = [rng.get_state(), torch.get_rng_state()]
    write_atomically(path, lambda target: torch.save(state, target))


def restore_progress(state: dict[str, Any], parts: dict[str, Any], rng: torch.Generator) -> int:
    """Restore what `keep_progress` wrote; returns how many passes are done."""
    for name, part in parts.items():
        part.load_state_dict(state[name])
    own, default = state["random"]
    rng.set_state(own)
    torch.set_rng_state(default)
    return int(state["done"])
