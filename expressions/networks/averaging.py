"""Averages of a network's weights: over the steps of a training, and over several trainings."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import update_bn

from ..errors import WeightsError
from .generator import BATCH, Generator, load_generator


@torch.no_grad()
def ema_update(average: nn.Module, model: nn.Module, weight: Tensor) -> None:
    """average <- (1 - weight) * average + weight * model, batch-norm statistics included; counters are copied."""
    source = model.state_dict()
    for name, value in average.state_dict().items():
        if value.is_floating_point():
            value.lerp_(source[name], weight)
        else:
            value.copy_(source[name])


def mean_generator(paths: Sequence[Path]) -> Generator:
    """Average the generators of several trainings that went on from the same networks.

    The mean draws better faces than any of them (model soups, Wortsman et al. 2022, arXiv:2203.05482). Batch-norm
    statistics are averaged too, until `estimate_statistics` does better.

    Args:
        paths: of one or more generators; the networks that they went on from may be among them.

    Raises:
        WeightsError: a file does not hold a generator, or they have different widths or directions.
    """
    mean, *others = (load_generator(path) for path in paths)
    for count, (path, other) in enumerate(zip(paths[1:], others, strict=True), 2):
        for name, own, first in (
            ("directions", len(other.directions), len(mean.directions)),
            ("feature maps at 64x64", other.width, mean.width),
        ):
            if own != first:
                raise WeightsError(f"{path} has {own} {name}, {paths[0]} has {first}")
        ema_update(mean, other, torch.tensor(1 / count))
    return mean


def estimate_statistics(generator: nn.Module, z: Tensor) -> None:
    """Estimate the batch-norm statistics of an averaged generator anew.

    The statistics of averaged weights are not the average of the statistics (Izmailov et al. 2018, arXiv:1803.05407,
    section 3.2).

    Args:
        generator: left in the mode that it is in.
        z: (N, z_dim) in [-1, 1], best 10,000 or more; what is left after whole batches of 250 is not used.

    Raises:
        ValueError: they do not fill one batch.
    """
    whole = [batch for batch in z.split(BATCH) if len(batch) == BATCH]
    if not whole:
        raise ValueError(f"statistics are estimated on at least {BATCH} latents, got {len(z)}")
    update_bn(whole, generator)
