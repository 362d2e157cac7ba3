"""Discriminators: one that judges whole pictures, and heads that judge patches of what is seen of them."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Protocol

from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from ..images import IMAGE_SIZE


class Discriminator(nn.Module):
    """DCGAN discriminator without normalisation: four strided convolutions, and one from 4x4 to a logit.

    Batch normalisation would tie the verdict on one image to the others in its batch, which the
    gradient penalties of the training do not allow (Huang et al. 2024, arXiv:2501.05441).

    Args:
        width: feature maps at 32x32; they double at each halving of the side.
    """

    WIDTH = 32

    def __init__(self, width: int = WIDTH) -> None:
        super().__init__()
        widths = [3, width, 2 * width, 4 * width, 8 * width]
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(widths):  # 64 -> 32 -> 16 -> 8 -> 4
            layers += [nn.Conv2d(inputs, outputs, 3, stride=2, padding=1), nn.LeakyReLU(0.2, inplace=True)]
        layers += [nn.Conv2d(widths[-1], 1, 4)]
        self.layers = nn.Sequential(*layers)
        for layer in self.layers:
            if isinstance(layer, nn.Conv2d):  # He's initialisation keeps the signal's scale without normalisation
                nn.init.kaiming_normal_(layer.weight, a=0.2)
                layer.bias.data.zero_()  # type: ignore[union-attr]

    def forward(self, images: Tensor) -> Tensor:
        """Judge images (N, 3, 64, 64) in [-1, 1] -> logits (N,); positive means real."""
        logits: Tensor = self.layers(images)
        return logits.flatten()


class FeatureNetwork(Protocol):
    """A network through whose layers a discriminator looks, or the pixels themselves."""

    MAPS: Sequence[tuple[int, int]]

    def maps(self, images: Tensor) -> list[Tensor]:
        """Feature maps of images (N, 3, 64, 64) in [-1, 1], with channels and side as in `MAPS`."""


class Pixels:
    """What needs no network to be seen: texture, grain, the grids that upsampling leaves."""

    MAPS: Sequence[tuple[int, int]] = ((3, IMAGE_SIZE),)

    def maps(self, images: Tensor) -> list[Tensor]:
        return [images]


class PatchHeads(nn.Module):
    """Judges the maps of a network, each by a head of its own (Sauer et al. 2021, arXiv:2111.01007).

    Over a trained network they know from the start what it has learnt. So they are a match for a trained generator
    after a few thousand images, where a new `Discriminator` takes hundreds of thousands.

    Args:
        shapes: channels and side of each map.
    """

    def __init__(self, shapes: Iterable[tuple[int, int]]) -> None:
        super().__init__()
        self.heads = nn.ModuleList(_head(channels, side) for channels, side in shapes)

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """Judge maps (N, C, H, W) -> logits (N, patches) by each head."""
        return [head(seen).flatten(1) for head, seen in zip(self.heads, maps, strict=True)]


def _head(channels: int, side: int, width: int = 64) -> nn.Sequential:  # width: chosen by hand
    """Two or three spectrally normalised convolutions to a map of logits."""
    layers: list[nn.Module] = [spectral_norm(nn.Conv2d(channels, width, 3, 2 if side > 8 else 1, 1))]
    if side > 4:
        layers += [nn.LeakyReLU(0.2), spectral_norm(nn.Conv2d(width, width, 4, 2, 1))]
    return nn.Sequential(*layers, nn.LeakyReLU(0.2), spectral_norm(nn.Conv2d(width, 1, 3, 1, 1)))


class PatchDiscriminator(nn.Module):
    """Judges patches of 26 pixels, so that a lens learns how sharp they are and not whom they show (Isola et al.
    2017, arXiv:1611.07004); spectral norms, width chosen by hand."""

    WIDTH = 32

    def __init__(self) -> None:
        super().__init__()
        width = self.WIDTH
        self.layers = nn.Sequential(
            spectral_norm(nn.Conv2d(3, width, 4, 2, 1)),
            nn.LeakyReLU(0.2),
            spectral_norm(nn.Conv2d(width, 2 * width, 4, 2, 1)),
            nn.LeakyReLU(0.2),
            spectral_norm(nn.Conv2d(2 * width, 2 * width, 3, 1, 1)),
            nn.LeakyReLU(0.2),
            spectral_norm(nn.Conv2d(2 * width, 1, 3, 1, 1)),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Judge images (N, 3, H, W) in [-1, 1] -> logits (N, 1, H / 4, W / 4); positive means real."""
        logits: Tensor = self.layers(images)
        return logits
