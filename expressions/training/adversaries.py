"""Adversaries: what the generator is trained against, discriminators with the losses of both sides."""

import math
from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from ..networks.discriminators import Discriminator, FeatureNetwork, ProjectedDiscriminator
from .augmentation import FAINT, add_noise
from .config import TrainConfig
from .distributed import process_count
from .guides import Guides
from .losses import d_hinge_loss, d_relativistic_loss, g_hinge_loss, g_relativistic_loss, gradient_penalty


class Adversary(Protocol):
    """A discriminator and the losses of both sides.

    Images are (N, 3, 64, 64) in [-1, 1], as many real as generated. Random numbers are drawn from `rng`.
    """

    discriminator: nn.Module

    def d_loss(self, real: Tensor, fake: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """The discriminator's loss, and its logits (N, ...) of the real and of the generated images."""

    def g_loss(self, real: Tensor, fake: Tensor, rng: torch.Generator) -> Tensor:
        """The generator's loss; the discriminator's weights are frozen."""


class RelativisticAdversary:
    """A discriminator of pixels, which judges a real and a generated image as a pair, under zero-centred gradient
    penalties (Huang et al. 2024, arXiv:2501.05441).

    Args:
        discriminator: maps images to logits (N,).
        gamma: weight of the penalties.
        penalty_batch: real images, and as many generated ones, that carry them.
    """

    def __init__(self, discriminator: nn.Module, gamma: float, penalty_batch: int) -> None:
        self.discriminator, self.gamma, self.penalty_batch = discriminator, gamma, penalty_batch

    def d_loss(self, real: Tensor, fake: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:  # noqa: ARG002
        # Only the images that carry the penalties need a graph of the gradients, so these are judged by themselves.
        count = self.penalty_batch if self.gamma else 0
        some, others = torch.cat([real[:count], fake[:count]]), torch.cat([real[count:], fake[count:]])
        logits = [self.discriminator(images) for images in (some.requires_grad_(), others) if len(images)]
        halves = zip(*(part.chunk(2) for part in logits), strict=True)
        real_logits, fake_logits = (torch.cat(parts).float() for parts in halves)
        loss = d_relativistic_loss(real_logits, fake_logits)
        if self.gamma:
            # R1 + R2, each times gamma / 2: the mean runs over both.
            loss = loss + self.gamma * gradient_penalty(logits[0], some)
        return loss, real_logits, fake_logits

    def g_loss(self, real: Tensor, fake: Tensor, rng: torch.Generator) -> Tensor:  # noqa: ARG002
        with torch.no_grad():
            real_logits = self.discriminator(real).float()
        return g_relativistic_loss(real_logits, self.discriminator(fake).float())


class ProjectedAdversary:
    """A discriminator that sees through trained networks, which stay as they are; hinge loss (Sauer et al. 2021,
    arXiv:2111.01007)."""

    def __init__(self, features: Sequence[FeatureNetwork]) -> None:
        self.discriminator: nn.Module = ProjectedDiscriminator(features)

    def d_loss(self, real: Tensor, fake: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        real_logits, fake_logits = self._judge(torch.cat([real, fake]), rng).chunk(2)
        return d_hinge_loss(real_logits, fake_logits), real_logits, fake_logits

    def g_loss(self, real: Tensor, fake: Tensor, rng: torch.Generator) -> Tensor:  # noqa: ARG002
        return g_hinge_loss(self._judge(fake, rng))

    def _judge(self, images: Tensor, rng: torch.Generator) -> Tensor:
        logits: Tensor = self.discriminator(images, add_noise(images, FAINT, rng))
        return logits.float()


class JointAdversary:
    """Several adversaries at once, whose losses are added; the logits are those of the first.

    Args:
        parts: by what each sees.
        weights: of all but the first in the generator's loss.
    """

    def __init__(self, parts: dict[str, Adversary], *weights: float) -> None:
        self.parts, self.weights = list(parts.values()), (1.0, *weights)
        self.discriminator = nn.ModuleDict({name: part.discriminator for name, part in parts.items()})

    def d_loss(self, real: Tensor, fake: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        losses, real_logits, fake_logits = zip(*(part.d_loss(real, fake, rng) for part in self.parts), strict=True)
        return torch.stack(losses).sum(), real_logits[0], fake_logits[0]

    def g_loss(self, real: Tensor, fake: Tensor, rng: torch.Generator) -> Tensor:
        losses = (part.g_loss(real, fake, rng) for part in self.parts)
        return torch.stack([weight * loss for weight, loss in zip(self.weights, losses, strict=True)]).sum()


def new_adversary(config: TrainConfig, guides: Guides) -> JointAdversary:
    """The adversary that the options ask for; its discriminators are new."""
    parts: dict[str, Adversary] = {}
    if guides.features:
        parts["features"] = ProjectedAdversary(guides.features)
    if config.texture_weight or not guides.features:
        share = math.ceil(config.penalty_batch / process_count())
        parts["pixels"] = RelativisticAdversary(Discriminator(config.d_width, config.d_kernel), config.gamma, share)
    return JointAdversary(parts, *[config.texture_weight] * (len(parts) - 1))
