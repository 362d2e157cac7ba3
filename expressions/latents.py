"""Latents as the generator takes them, uniform z, and as edits move them, normal u."""

import math
from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor
from torch.special import ndtri

from .checks import checked_whole

Z_DIM = 100  # numbers in one latent
MAX_SEED = 2**32 - 1
MAX_ATTEMPTS = 8  # draws of one seed from which a chooser may take
_EDGE = 1 - 2.0**-24  # the float32 below 1


def checked_seed(given: object) -> int:
    """Let a seed through.

    Raises:
        ValueError: it is not a whole number from 0 to `MAX_SEED`.
    """
    return checked_whole(given, "seed", 0, MAX_SEED)


def checked_attempts(given: object) -> int:
    """Let a number of attempts through.

    Raises:
        ValueError: it is not a whole number from 1 to `MAX_ATTEMPTS`.
    """
    return checked_whole(given, "attempts", 1, MAX_ATTEMPTS)


def draw_latents(seeds: Iterable[int]) -> Tensor:
    """Draw the latents of seeds: (N, 100) float32, uniform in (-1, 1), the same on every platform.

    Raises:
        ValueError: as for `checked_seed`.
    """
    rows = [draw_attempts(seed, 1) for seed in seeds]
    return torch.cat(rows) if rows else torch.empty(0, Z_DIM)


def draw_attempts(seed: int, attempts: int) -> Tensor:
    """Draw the first latents of one seed's stream: (attempts, 100) float32, odd multiples of 2^-23, which it holds
    exactly. The first is the one of `draw_latents`.

    The raw stream of a NumPy bit generator never changes (NEP 19), unlike those of its distributions.

    Raises:
        ValueError: as for `checked_seed`.
    """
    bits = np.random.PCG64(checked_seed(seed)).random_raw(attempts * Z_DIM) >> np.uint64(41)  # 23 bits
    latents = (2 * bits.astype(np.int64) + 1 - 2**23) / 2**23
    return torch.from_numpy(latents.astype(np.float32)).reshape(attempts, Z_DIM)


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
