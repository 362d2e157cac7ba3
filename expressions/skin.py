"""Skin tone measured from the pixels of the cheeks: no labels, no network."""

import math
from functools import cache

import torch
from torch import Tensor

# Cheeks of an aligned 64x64 CelebA face, below the eyes and beside the nose: (rows, columns).
CHEEKS = ((slice(37, 45), slice(18, 25)), (slice(37, 45), slice(39, 46)))
_SRGB_TO_XYZ = ((0.4124564, 0.3575761, 0.1804375), (0.2126729, 0.7151522, 0.0721750), (0.0193339, 0.1191920, 0.9503041))
_D65_WHITE = (0.95047, 1.0, 1.08883)


@cache
def _constants(device: torch.device) -> tuple[Tensor, Tensor]:
    """The matrix (3, 3) from linear RGB to XYZ and the white (3,), put on a device once."""
    with torch.inference_mode(False):  # whoever asks first, gradients may pass through them later
        return torch.tensor(_SRGB_TO_XYZ, device=device).T, torch.tensor(_D65_WHITE, device=device)


def srgb_to_lab(rgb: Tensor) -> Tensor:
    """Convert sRGB (..., 3) in [0, 1] to CIELAB (..., 3) under D65: L* 0..100, a* and b* about -100..100
    (IEC 61966-2-1; CIE 15:2004)."""
    matrix, white = _constants(rgb.device)
    linear = torch.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055).clamp_min(0) ** 2.4)
    xyz = (linear[..., None] * matrix).sum(-2) / white  # no matrix product, which autocast would round to bf16
    f = torch.where(xyz > (6 / 29) ** 3, xyz.clamp_min(1e-8) ** (1 / 3), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    x, y, z = f.unbind(-1)
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], dim=-1)


def cheek_lab(images: Tensor) -> Tensor:
    """Mean CIELAB of the lighter half of the cheeks' pixels, which leaves out hair and shadow.

    Args:
        images: (N, 3, 64, 64) in [-1, 1], aligned as CelebA is.

    Returns:
        (N, 3): L*, a*, b*.
    """
    patches = [images[:, :, rows, columns].flatten(2) for rows, columns in CHEEKS]
    lab = srgb_to_lab((torch.cat(patches, 2).mT.float() + 1) / 2)  # (N, pixels, 3)
    lightest = lab[..., 0].topk(lab.shape[1] // 2, dim=1).indices  # (N, pixels / 2)
    return lab.gather(1, lightest[..., None].expand(-1, -1, 3)).mean(1)


def individual_typology_angle(images: Tensor) -> Tensor:
    """Individual Typology Angle of the cheeks.

    Args:
        images: (N, 3, 64, 64) in [-1, 1], aligned as CelebA is.

    Returns:
        (N,) degrees.
    """
    return typology_angle(cheek_lab(images))


def typology_angle(lab: Tensor) -> Tensor:
    """Individual Typology Angle, arctan((L* - 50) / b*) in degrees: about -60 for very dark to 90 for very light skin
    (Chardon et al. 1991); (N, 3) CIELAB -> (N,)."""
    lightness, _, yellowness = lab.unbind(-1)
    # Skin is yellowish, b* > 0; the floor keeps the angle continuous where a picture is tinted blue.
    return torch.atan2(lightness - 50, yellowness.clamp_min(1.0)) * (180 / math.pi)
