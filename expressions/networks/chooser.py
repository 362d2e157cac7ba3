"""The chooser: which of a seed's draws will be a sound face, told from the latents alone."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, relu

from ..latents import MAX_ATTEMPTS, Z_DIM, draw_attempts


class Chooser(nn.Module):
    """Predicts the grade of a latent's face. Above `threshold`, it is not called sound.

    training/chooser_fit.py says what the grades are; here they have mean 0 and deviation 1.
    """

    WIDTHS = (Z_DIM, 128, 64, 1)

    threshold: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(map(nn.Linear, self.WIDTHS, self.WIDTHS[1:]))
        self.register_buffer("threshold", torch.zeros(()))

    def forward(self, z: Tensor) -> Tensor:
        """Predict grades: z (N, 100) in [-1, 1] -> (N,), in double precision, on the CPU.

        Platforms add in different orders. In double precision that changes no choice, unless two scores, or a score and
        the threshold, are as close as 1e-12: hardly one of all 2^32 seeds has such a draw.
        """
        first, *others = self.layers
        seen = _linear(first, z.cpu().double())
        for layer in others:
            seen = _linear(layer, relu(seen))
        return seen[:, 0]

    @torch.no_grad()
    def choose(self, seeds: Iterable[int], attempts: int) -> Tensor:
        """Take the first sound one of each seed's draws, or the soundest where none is.

        Args:
            seeds: whole numbers from 0 to 4294967295.
            attempts: how many of a seed's draws may be taken, 1 to `MAX_ATTEMPTS`.

        Returns:
            (N, 100) float32, in (-1, 1).
        """
        return torch.cat([torch.empty(0, Z_DIM), *(self._choose(seed, attempts) for seed in seeds)])

    def _choose(self, seed: int, attempts: int) -> Tensor:
        """One draw, (1, 100). All are scored, whatever may be taken: in another batch a score has other last bits."""
        draws = draw_attempts(seed, MAX_ATTEMPTS)
        grades = self(draws)[:attempts]
        sound = (grades <= self.threshold.cpu()).nonzero()
        taken = int(sound[0]) if len(sound) else int(grades.argmin())
        return draws[taken : taken + 1]


def _linear(layer: nn.Module, inputs: Tensor) -> Tensor:
    """What a linear layer makes of inputs in double precision."""
    weight, bias = layer.parameters()
    return linear(inputs, weight.cpu().double(), bias.cpu().double())
