"""Discriminators: one that sees pixels, and one that sees through trained networks."""

from collections.abc import Sequence
from itertools import chain, pairwise
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate
from torch.nn.utils.parametrizations import spectral_norm

from ..images import IMAGE_SIZE


class Discriminator(nn.Module):
    """DCGAN discriminator without normalisation: four strided convolutions, and one from 4x4 to a logit.

    Batch normalisation would tie the verdict on one image to the others in its batch, which the
    gradient penalties of the training do not allow (Huang et al. 2024, arXiv:2501.05441).

    Args:
        width: feature maps at 32x32; they double at each halving of the side.
        kernel: side of the strided kernels, 4 or 3. 3 takes little more than half of the arithmetic; every second row
            and column of pixels then counts twice.
    """

    WIDTH, KERNEL = 64, 4
    KERNELS = KERNEL, 3

    def __init__(self, width: int = WIDTH, kernel: int = KERNEL) -> None:
        super().__init__()
        widths = [3, width, 2 * width, 4 * width, 8 * width]
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(widths):  # 64 -> 32 -> 16 -> 8 -> 4
            layers += [nn.Conv2d(inputs, outputs, kernel, stride=2, padding=1), nn.LeakyReLU(0.2, inplace=True)]
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
    """A trained network whose layers a discriminator looks through."""

    MAPS: Sequence[tuple[int, int]]

    def maps(self, images: Tensor) -> list[Tensor]:
        """Feature maps of images, with channels and side as in `MAPS`."""


class ProjectedDiscriminator(nn.Module):
    """Judges the pixels, and what trained networks see of a face at each of their sides (Sauer et al. 2021,
    arXiv:2111.01007), with spectrally normalised heads.

    It knows from the start what these networks have learnt. So it is a match for a trained generator after a few
    thousand images, where a new `Discriminator` takes hundreds of thousands.

    Args:
        features: the trained networks. They stay as they are and where they are, and are no part of the state.
    """

    SIDE = 16  # patches a side; a head with fewer repeats its verdicts

    def __init__(self, features: Sequence[FeatureNetwork]) -> None:
        super().__init__()
        self._features = tuple(features)  # no module list: nobody trains, moves or saves them with the heads
        maps = [(3, IMAGE_SIZE), *chain.from_iterable(network.MAPS for network in features)]
        self.heads = nn.ModuleList(_head(channels, side) for channels, side in maps)

    def forward(self, images: Tensor, noisy: Tensor) -> Tensor:
        """Judge images (N, 3, 64, 64) in [-1, 1] -> logits (N, 256 * heads): 16x16 patches by each head.

        Args:
            images: seen as they are by the head of pixels.
            noisy: the same images as the feature networks see them, best under faint noise.
        """
        maps = [images, *chain.from_iterable(network.maps(noisy) for network in self._features)]
        verdicts = (head(seen) for head, seen in zip(self.heads, maps, strict=True))
        return torch.cat([interpolate(verdict, self.SIDE).flatten(1) for verdict in verdicts], 1)


def _head(channels: int, side: int, width: int = 64) -> nn.Sequential:  # width: chosen by hand
    """Two or three convolutions to a map of logits, whose side is no less than 4."""
    layers: list[nn.Module] = [spectral_norm(nn.Conv2d(channels, width, 3, 2 if side > 8 else 1, 1))]
    if side > 4:
        layers += [nn.LeakyReLU(0.2), spectral_norm(nn.Conv2d(width, width, 4, 2, 1))]
    return nn.Sequential(*layers, nn.LeakyReLU(0.2), spectral_norm(nn.Conv2d(width, 1, 3, 1, 1)))
