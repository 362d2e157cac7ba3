"""The networks: a DCGAN generator of eight convolutions, and two discriminators."""

from collections.abc import Mapping, Sequence
from itertools import chain, pairwise
from typing import Protocol, Self

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate
from torch.nn.utils.parametrizations import spectral_norm
from torch.optim.swa_utils import update_bn

from .augmentation import FAINT, add_noise

Z_DIM = 100
IMAGE_SIZE = 64
BATCH = 250  # images that are drawn or judged at a time


def _normalised(convolution: nn.Module, channels: int) -> list[nn.Module]:
    return [convolution, nn.BatchNorm2d(channels), nn.ReLU(inplace=True)]


def _upsample(inputs: int, outputs: int) -> list[nn.Module]:
    """Double the side; kernel 4 at stride 2 covers every pixel equally, so there is no checkerboard."""
    return _normalised(nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1, bias=False), outputs)


def _refine(channels: int) -> list[nn.Module]:
    return _normalised(nn.Conv2d(channels, channels, 3, padding=1, bias=False), channels)


class Generator(nn.Module):
    """DCGAN generator (Radford et al. 2015, arXiv:1511.06434): latents to RGB faces.

    Eight (transposed) convolutions, each followed by batch normalisation and a rectifier, grow the
    latent from 1x1 to 64x64; a ninth, without normalisation, draws RGB through tanh.

    Args:
        z_dim: numbers in one latent, drawn uniformly from [-1, 1].
        width: feature maps at 64x64, 1 to 256; twice as many at each halving of the side down to 8x8, 12 times as many
            at 4x4.
        directions: how many directions of u = Phi^-1((z + 1) / 2), the rows of `directions`, the training can teach to
            change one attribute each (see editability.py).

    Raises:
        ValueError: width is not a whole number of that range.
    """

    WIDTH, MAX_WIDTH = 32, 256
    AT_4X4 = 12

    def __init__(self, z_dim: int = Z_DIM, width: int = WIDTH, directions: int = 0) -> None:
        super().__init__()
        if isinstance(width, bool) or not isinstance(width, int) or not 1 <= width <= self.MAX_WIDTH:
            raise ValueError(f"width must be a whole number from 1 to {self.MAX_WIDTH}, got {width!r:.40}")
        c4, c8, c16, c32, c64 = (times * width for times in (self.AT_4X4, 8, 4, 2, 1))
        self.z_dim, self.width = z_dim, width
        self.layers = nn.Sequential(
            *_normalised(nn.ConvTranspose2d(z_dim, c4, 4, bias=False), c4),
            *_upsample(c4, c8),
            *_refine(c8),
            *_upsample(c8, c16),
            *_refine(c16),
            *_upsample(c16, c32),
            *_refine(c32),
            *_upsample(c32, c64),
            nn.Conv2d(c64, 3, 3, padding=1),
            nn.Tanh(),
        )
        self.apply(_initialise)
        self.directions = nn.Parameter(torch.empty(directions, z_dim))
        if directions:
            nn.init.orthogonal_(self.directions, gain=1.5)

    @classmethod
    def of_state(cls, state: Mapping[str, Tensor]) -> Self:
        """The generator whose state this is: sizes come from the shapes.

        Raises:
            KeyError, RuntimeError, ValueError: it is not that of such a generator.
        """
        directions, z_dim = state["directions"].shape
        generator = cls(z_dim, state["layers.0.weight"].shape[1] // cls.AT_4X4, directions)
        generator.load_state_dict(state)
        return generator

    def forward(self, z: Tensor) -> Tensor:
        """Draw faces: z (N, z_dim) in [-1, 1] -> images (N, 3, 64, 64) in [-1, 1]."""
        images: Tensor = self.layers(z[:, :, None, None])
        return images


def estimate_statistics(generator: nn.Module, z: Tensor) -> None:
    """Estimate the batch-norm statistics of an averaged generator anew: those of averaged weights are not the average
    of the statistics (Izmailov et al. 2018, arXiv:1803.05407, section 3.2).

    Args:
        generator: left in the mode that it is in.
        z: (N, z_dim) in [-1, 1], best 10,000 or more: what is left of it after whole batches of 250 is not used.

    Raises:
        ValueError: they do not fill one batch.
    """
    whole = [batch for batch in z.split(BATCH) if len(batch) == BATCH]
    if not whole:
        raise ValueError(f"statistics are estimated on at least {BATCH} latents, got {len(z)}")
    update_bn(whole, generator)


@torch.no_grad()
def ema_update(average: nn.Module, model: nn.Module, weight: Tensor) -> None:
    """average <- (1 - weight) * average + weight * model, batch-norm statistics included; counters are copied."""
    source = model.state_dict()
    for name, value in average.state_dict().items():
        if value.is_floating_point():
            value.lerp_(source[name], weight)
        else:
            value.copy_(source[name])


class Discriminator(nn.Module):
    """DCGAN discriminator without normalisation: four strided convolutions, and one from 4x4 to a logit.

    Batch normalisation would tie the verdict on one image to the others in its batch, which the
    gradient penalties of the training do not allow (Huang et al. 2024, arXiv:2501.05441).

    Args:
        width: feature maps at 32x32; they double at each halving of the side.
        kernel: side of the strided kernels: 4, or 3, which takes little more than half of the arithmetic, and counts
            every second row and column of pixels twice.
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
    """Judges what trained networks see of a face, at each of their sides, and the pixels.

    It knows from the start what the other networks have learnt, so it is a match for a trained generator after a few
    thousand images, where a new `Discriminator` takes hundreds of thousands (Sauer et al. 2021, arXiv:2111.01007). Its
    heads are spectrally normalised.

    Args:
        features: see the faces; they stay as they are, where they are, and are no part of the state.
    """

    SIDE = 16  # patches a side; a head with fewer repeats its verdicts

    def __init__(self, features: Sequence[FeatureNetwork]) -> None:
        super().__init__()
        self._features = tuple(features)  # no module list: nobody trains, moves or saves them with the heads
        maps = [(3, IMAGE_SIZE), *chain.from_iterable(network.MAPS for network in features)]
        self.heads = nn.ModuleList(_head(channels, side) for channels, side in maps)

    def forward(self, images: Tensor, rng: torch.Generator) -> Tensor:
        """Judge images (N, 3, 64, 64) in [-1, 1] -> logits (N, 256 * heads), of as many patches by each.

        Args:
            images: the images.
            rng: of the noise on what the feature networks are shown.
        """
        shown = add_noise(images, FAINT, rng)
        maps = [images, *chain.from_iterable(network.maps(shown) for network in self._features)]
        verdicts = (head(seen) for head, seen in zip(self.heads, maps, strict=True))
        return torch.cat([interpolate(verdict, self.SIDE).flatten(1) for verdict in verdicts], 1)


def _head(channels: int, side: int, width: int = 64) -> nn.Sequential:
    """Two or three convolutions to a map of logits, whose side is no less than 4."""
    layers: list[nn.Module] = [spectral_norm(nn.Conv2d(channels, width, 3, 2 if side > 8 else 1, 1))]
    if side > 4:
        layers += [nn.LeakyReLU(0.2), spectral_norm(nn.Conv2d(width, width, 4, 2, 1))]
    return nn.Sequential(*layers, nn.LeakyReLU(0.2), spectral_norm(nn.Conv2d(width, 1, 3, 1, 1)))


def _initialise(module: nn.Module) -> None:
    """DCGAN's initialisation: weights N(0, 0.02), batch-norm gains N(1, 0.02), biases 0."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)
