"""Where in an aligned face an attribute lives: the part of the picture that an edit of it may change."""

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from .images import IMAGE_SIZE

# Top, left, bottom, right in pixels of 64. CelebA's eyes lie at (32, 24) and (32, 40), row first, its mouth about
# (48, 32). Drawn by hand over the mean of 3,000 held-out faces.
_INSIDE = {
    "Smiling": (32, 16, 58, 48),  # mouth, cheeks, and the corners of the eyes
    "Mouth_Slightly_Open": (40, 18, 62, 46),  # the chin moves along
    "Bangs": (2, 10, 34, 54),
    "Eyeglasses": (23, 12, 42, 52),
    "No_Beard": (38, 14, 64, 50),
}
_FACE = (24, 20, 58, 44)  # what a change of hair colour leaves alone
_OUTSIDE = dict.fromkeys(("Black_Hair", "Blond_Hair", "Brown_Hair", "Gray_Hair"), _FACE)
_SOFT = 5  # pixels over which a region ends


def region(name: str) -> Tensor:
    """(64, 64): 1 where an edit of an attribute may change a picture, 0 where not, in between at the border; all 1
    for what shows everywhere."""
    box = _INSIDE.get(name) or _OUTSIDE.get(name)
    if box is None:
        return torch.ones(IMAGE_SIZE, IMAGE_SIZE)
    top, left, bottom, right = box
    mask = torch.zeros(IMAGE_SIZE, IMAGE_SIZE)
    mask[top:bottom, left:right] = 1
    soft = avg_pool2d(mask[None], _SOFT, 1, _SOFT // 2, count_include_pad=False)[0]
    return soft if name in _INSIDE else 1 - soft
