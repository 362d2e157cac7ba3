"""Latents as the generator takes them, uniform z, and as edits move them, normal u."""

import math

import torch
from torch import Tensor
from torch.special import ndtri

_EDGE = 1 - 2.0**-24  # the float32 below 1


def to_normal(z: Tensor) -> Tensor:
    """u = Phi^-1((z + 1) / 2): standard normal where z is uniform in (-1, 1). The ends are drawn in by half a step."""
    return ndtri((z.double().clamp(-_EDGE, _EDGE) + 1) / 2).float()


def to_uniform(u: Tensor) -> Tensor:
    """z = 2 Phi(u) - 1, in (-1, 1)."""
    return torch.erf(u.double() / math.sqrt(2)).float().clamp(-_EDGE, _EDGE)
