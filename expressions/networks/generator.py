"""The networks: a DCGAN generator of eight convolutions, and two discriminators."""

from collections.abc import Mapping
from typing import Self

import torch
from torch import Tensor, nn

from ..latents import Z_DIM

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


def _initialise(module: nn.Module) -> None:
    """DCGAN's initialisation: weights N(0, 0.02), batch-norm gains N(1, 0.02), biases 0."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)
