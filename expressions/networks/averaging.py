"""Averages of a network's weights over the steps of a training, and the batch-norm statistics that belong to them."""

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import update_bn

from .generator import BATCH


@torch.no_grad()
def ema_update(average: nn.Module, model: nn.Module, weight: Tensor) -> None:
    """average <- (1 - weight) * average + weight * model, batch-norm statistics included; counters are copied."""
    source = model.state_dict()
    for name, value in average.state_dict().items():
        if value.is_floating_point():
            value.lerp_(source[name], weight)
        else:
            value.copy_(source[name])


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
