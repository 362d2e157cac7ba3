"""The generator: a DCGAN of eight convolutions, and the directions in which its latents are edited."""

from collections.abc import Mapping
from pathlib import Path
from typing import Self

import torch
from torch import Tensor, nn

from ..checks import checked_whole
from ..errors import weights_errors
from ..latents import Z_DIM
from .files import load_tensors, read_tensors
from .precision import channels_last

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
        directions: how many directions of u = Phi^-1((z + 1) / 2), each of which a training can teach to change one
            attribute; they are the rows of the parameter `directions`.

    Raises:
        ValueError: width is not a whole number of that range.
    """

    WIDTH, MAX_WIDTH = 32, 256
    AT_4X4 = 12  # times `width`; chosen by hand

    def __init__(self, z_dim: int = Z_DIM, width: int = WIDTH, directions: int = 0) -> None:
        super().__init__()
        self.z_dim, self.width = z_dim, checked_whole(width, "width", 1, self.MAX_WIDTH)
        c4, c8, c16, c32, c64 = (times * width for times in (self.AT_4X4, 8, 4, 2, 1))
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
            nn.init.orthogonal_(self.directions, gain=1.5)  # chosen by hand, as in training/directions.py

    @classmethod
    def of_state(cls, state: Mapping[str, Tensor]) -> Self:
        """The generator whose state this is: sizes come from the shapes.

        Raises:
            ValueError: it is not the state of such a generator.
        """
        first, directions = (state.get(name, torch.empty(0)) for name in ("layers.0.weight", "directions"))
        if first.dim() != 4 or directions.dim() != 2:
            raise ValueError("no layers.0.weight and directions of a generator")
        generator = cls(len(first), first.shape[1] // cls.AT_4X4, len(directions))
        load_tensors(generator, state)
        return generator

    def forward(self, z: Tensor) -> Tensor:
        """Draw faces: z (N, z_dim) in [-1, 1] -> images (N, 3, 64, 64) in [-1, 1]."""
        images: Tensor = self.layers(z[:, :, None, None])
        return images

    @torch.no_grad()
    def balance_(self, share: float) -> None:
        """Take away a share of the grids that the upsampling layers lay over flat ground.

        Of four neighbouring pixels that a layer draws, each is a sum over taps of its own. Where these sums are equal,
        flat ground stays flat (Sugawara et al. 2019, APSIPA Transactions); with a share of 1 they are.
        """
        for layer in self.layers:
            if isinstance(layer, nn.ConvTranspose2d) and layer.stride == (2, 2):
                taps = layer.weight.unflatten(2, (2, 2)).unflatten(4, (2, 2))  # (in, out, tap, pixel, tap, pixel)
                sums = taps.sum((2, 4), keepdim=True)
                excess = (sums - sums.mean((3, 5), keepdim=True)).expand_as(taps) / 4  # of each of four taps
                layer.weight -= share * excess.flatten(4, 5).flatten(2, 3)


def _initialise(module: nn.Module) -> None:
    """DCGAN's initialisation: weights N(0, 0.02), batch-norm gains N(1, 0.02), biases 0."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)


def load_generator(path: Path) -> Generator:
    """Read the averaged generator that a training run wrote, in evaluation mode.

    Raises:
        WeightsError: the file is missing or does not hold a generator.
    """
    with weights_errors(f"{path} does not hold a generator"):
        generator = Generator.of_state(read_tensors(path)[0])
    return channels_last(generator.eval().requires_grad_(False))
