"""What a network in training is shown instead of an image: the same face, seen a little differently.

Images are (N, 3, H, W) in [-1, 1]. Each is changed by draws of its own, and gradients pass through.
"""

import torch
from torch import Tensor, nn


def mirror(images: Tensor, rng: torch.Generator) -> Tensor:
    """Mirror each image or not, with even odds."""
    is_mirrored = torch.rand(len(images), 1, 1, 1, generator=rng, device=images.device) < 0.5
    return torch.where(is_mirrored, images.flip(3), images)


def shift(images: Tensor, max_shift: int, rng: torch.Generator) -> Tensor:
    """Move each image by up to `max_shift` pixels a side, black beyond the edge (DiffAugment's translation,
    Zhao et al. 2020, arXiv:2006.10738)."""
    count, _, height, width = images.shape
    moves = torch.randint(2 * max_shift + 1, (2, count, 1), generator=rng, device=images.device)
    rows = moves[0] + torch.arange(height, device=images.device)  # (N, H)
    columns = moves[1] + torch.arange(width, device=images.device)  # (N, W)
    padded = nn.functional.pad(images, [max_shift] * 4, value=-1.0).permute(0, 2, 3, 1)
    item = torch.arange(count, device=images.device)[:, None, None]
    return padded[item, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def relight(images: Tensor, rng: torch.Generator) -> Tensor:
    """Change the contrast of each image by up to a fifth and its brightness by up to a tenth; nothing is clipped."""
    contrast, brightness = torch.rand(2, len(images), 1, 1, 1, generator=rng, device=images.device)
    return images * (0.8 + 0.4 * contrast) + 0.2 * (brightness - 0.5)


def add_noise(images: Tensor, deviation: float | Tensor, rng: torch.Generator) -> Tensor:
    """Add normal noise of one standard deviation, or of one for each image (N, 1, 1, 1), and clip."""
    noise = torch.randn(images.shape, generator=rng, device=images.device)
    return (images + deviation * noise).clamp(-1, 1)


def augment(images: Tensor, rng: torch.Generator) -> Tensor:
    """Mirror, shift, relight and blemish faces of 64x64. How much was chosen by hand and not tuned."""
    seen = relight(shift(mirror(images, rng), 3, rng), rng)
    return add_noise(seen, 0.1 * torch.rand(len(images), 1, 1, 1, generator=rng, device=images.device), rng)
