"""Latents as the generator takes them, uniform z, and as edits move them, normal u."""

import math

import numpy as np
import torch
from torch import Tensor
from torch.special import ndtri

Z_DIM = 100  # numbers in one latent
MAX_SEED = 2**32 - 1
_EDGE = 1 - 2.0**-24  # the float32 below 1


def to_normal(z: Tensor) -> Tensor:
    """u = Phi^-1((z + 1) / 2): standard normal where z is uniform in (-1, 1). The ends are drawn in by half a step."""
    return ndtri((_double(z).clamp(-_EDGE, _EDGE) + 1) / 2).float().to(z.device)


def to_uniform(u: Tensor) -> Tensor:
    """z = 2 Phi(u) - 1, in (-1, 1)."""
    return torch.erf(_double(u) / math.sqrt(2)).float().clamp(-_EDGE, _EDGE).to(u.device)


def _double(latents: Tensor) -> Tensor:
    """In double precision, which Apple's GPUs lack: on the processor instead."""
    return (latents.cpu() if latents.device.type == "mps" else latents).double()


def slerp(start: Tensor, end: Tensor, share: float) -> Tensor:
    """Go along the great circle between normal latents, where faces stay as likely as at its ends (Shoemake 1985).

    Args:
        start: u (1, D).
        end: u (1, D).
        share: 0 is the start, 1 the end.

    Returns:
        u (1, D); the norm goes from one end's to the other's.
    """
    cosine = torch.nn.functional.cosine_similarity(start, end).clamp(-1, 1)
    angle = cosine.acos().clamp(min=1e-6)
    return (((1 - share) * angle).sin() * start + (share * angle).sin() * end) / angle.sin()


def _checked_seed(seed: object) -> int:
    return _checked_whole(seed, "seed", 0, MAX_SEED)


def _checked_whole(number: object, name: str, least: int, most: int) -> int:
    if isinstance(number, bool) or not isinstance(number, int | np.integer) or not least <= number <= most:
        raise ValueError(f"{name} must be a whole number from {least} to {most}, got {number!r}")
    return int(number)


def _latent(seed: int) -> np.ndarray:
    """(100,) float32: odd multiples of 2^-23, which float32 holds exactly.

    The raw stream of a NumPy bit generator never changes (NEP 19), unlike those of its distributions.
    """
    bits = np.random.PCG64(seed).random_raw(Z_DIM) >> np.uint64(41)  # 23 bits
    return ((2 * bits.astype(np.int64) + 1 - 2**23) / 2**23).astype(np.float32)
