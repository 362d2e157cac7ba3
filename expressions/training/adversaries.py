"""What the generator is trained against: a discriminator, with what each side pays."""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..networks.discriminators import Discriminator, FeatureNetwork, ProjectedDiscriminator
from .config import TrainConfig
from .distributed import process_count
from .guides import Guides
from .losses import d_hinge_loss, d_relativistic_loss, g_hinge_loss, g_relativistic_loss, gradient_penalty


class Adversary(ABC):
    """A discriminator and the losses of both sides.

    Images are (N, 3, 64, 64) in [-1, 1], as many real as generated; `rng` is for what a side draws.

    Args:
        parts: the discriminator's, each by what it judges.
    """

    def __init__(self, **parts: nn.Module) -> None:
        self.discriminator = nn.ModuleDict(parts)

    @abstractmethod
    def d_loss(self, real: Tensor, fake: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """The discriminator's loss, and its logits (N, ...) of the real and of the generated images."""

    @abstractmethod
    def g_loss(self, real: Tensor, fake: Tensor, rng: torch.Generator) -> Tensor:
        """The generator's loss, by way of the discriminator, whose weights are frozen."""


class RelativisticAdversary(Adversary):
    """The discriminator of pixels; real and generated images in pairs, under zero-centred gradient penalties
    (Huang et al. 2024, arXiv:2501.05441).

    Args:
        discriminator: tells them apart.
        gamma: weight of the penalties.
        penalty_batch: images of each kind that carry them.
    """

    def __init__(self, discriminator: Discriminator, gamma: float, penalty_batch: int) -> None:
        super().__init__(pixels=discriminator)
        self.gamma, self.penalty_batch = gamma, penalty_batch

    def d_loss(self, real: Tensor, fake: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:  # noqa: ARG002
        # The images that carry the penalties are judged by themselves: only there is a graph of the gradients needed.
        count = self.penalty_batch if self.gamma else 0
        some, others = torch.cat([real[:count], fake[:count]]), torch.cat([real[count:], fake[count:]])
        logits = [self.discriminator["pixels"](images) for images in (some.requires_grad_(), others) if len(images)]
        halves = zip(*(part.chunk(2) for part in logits), strict=True)
        real_logits, fake_logits = (torch.cat(parts).float() for parts in halves)
        loss = d_relativistic_loss(real_logits, fake_logits)
        if self.gamma:
            # R1 + R2, each times gamma / 2: the mean runs over both.
            loss = loss + self.gamma * gradient_penalty(logits[0], some)
        return loss, real_logits, fake_logits

    def g_loss(self, real: Tensor, fake: Tensor, rng: torch.Generator) -> Tensor:  # noqa: ARG002
        with torch.no_grad():
            real_logits = self.discriminator["pixels"](real).float()
        return g_relativistic_loss(real_logits, self.discriminator["pixels"](fake).float())


class ProjectedAdversary(Adversary):
    """The discriminator that sees through trained networks; hinge loss (Sauer et al. 2021, arXiv:2111.01007).

    Args:
        features: see the faces, and stay as they are.
    """

    def __init__(self, features: Sequence[FeatureNetwork]) -> None:
        super().__init__(features=ProjectedDiscriminator(features))

    def d_loss(self, real: Tensor, fake: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        real_logits, fake_logits = self.discriminator["features"](torch.cat([real, fake]), rng).float().chunk(2)
        return d_hinge_loss(real_logits, fake_logits), real_logits, fake_logits

    def g_loss(self, real: Tensor, fake: Tensor, rng: torch.Generator) -> Tensor:  # noqa: ARG002
        return g_hinge_loss(self.discriminator["features"](fake, rng).float())


class JointAdversary(Adversary):
    """Two adversaries at once: the sum of the losses of both discriminators, and of the generator's against them.

    Args:
        first: its logits are reported.
        second: judges something else, beside it.
        weight: of the second in the generator's loss.
    """

    def __init__(self, first: Adversary, second: Adversary, weight: float) -> None:
        super().__init__(**first.discriminator, **second.discriminator)
        self.first, self.second, self.weight = first, second, weight

    def d_loss(self, real: Tensor, fake: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        loss, real_logits, fake_logits = self.first.d_loss(real, fake, rng)
        return loss + self.second.d_loss(real, fake, rng)[0], real_logits, fake_logits

    def g_loss(self, real: Tensor, fake: Tensor, rng: torch.Generator) -> Tensor:
        return self.first.g_loss(real, fake, rng) + self.weight * self.second.g_loss(real, fake, rng)


def _adversary(config: TrainConfig, guides: Guides) -> Adversary:
    """The adversary that the options ask for, its discriminator new."""
    if not guides.features:
        return _of_pixels(config)
    projected = ProjectedAdversary(guides.features)
    return JointAdversary(projected, _of_pixels(config), config.texture_weight) if config.texture_weight else projected


def _of_pixels(config: TrainConfig) -> RelativisticAdversary:
    discriminator = Discriminator(config.d_width, config.d_kernel)
    return RelativisticAdversary(discriminator, config.gamma, math.ceil(config.penalty_batch / process_count()))
