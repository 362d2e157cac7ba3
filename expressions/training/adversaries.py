"""Adversaries: what the generator is trained against, discriminators with the losses of both sides."""

import math
from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from ..networks.discriminators import Discriminator, FeatureNetwork, PatchHeads, Pixels
from .augmentation import FAINT, add_noise
from .config import TrainConfig
from .distributed import process_count
from .guides import Guides
from .losses import d_hinge_loss, d_relativistic_loss, g_hinge_loss, g_relativistic_loss, gradient_penalty

Seen = Sequence[Tensor]


class Adversary(Protocol):
    """A discriminator and the losses of both sides.

    Images are (N, 3, 64, 64) in [-1, 1], as many real as generated.
    """

    discriminator: nn.Module

    def see(self, images: Tensor, rng: torch.Generator) -> Seen:
        """What the discriminator is shown of images; gradients pass to them."""

    def d_loss(self, real: Seen, fake: Seen) -> Tensor:
        """The discriminator's loss, which sends no gradient to the images."""

    def g_loss(self, real: Seen, fake: Seen) -> Tensor:
        """The generator's loss; the discriminator's weights are frozen."""


class PixelAdversary:
    """A discriminator of pixels, which judges a real and a generated image as a pair, under zero-centred gradient
    penalties (Huang et al. 2024, arXiv:2501.05441).

    Args:
        discriminator: maps images to logits (N,).
        gamma: weight of the penalties.
        penalty_batch: real images, and as many generated ones, that carry them.
    """

    def __init__(self, discriminator: nn.Module, gamma: float, penalty_batch: int) -> None:
        self.discriminator, self.gamma, self.penalty_batch = discriminator, gamma, penalty_batch

    def see(self, images: Tensor, rng: torch.Generator) -> Seen:  # noqa: ARG002
        return [images]

    def d_loss(self, real: Seen, fake: Seen) -> Tensor:
        (reals,), (fakes,) = real, fake
        fakes = fakes.detach()
        # Only the images that carry the penalties need a graph of the gradients, so these are judged by themselves.
        count = self.penalty_batch if self.gamma else 0
        some, others = torch.cat([reals[:count], fakes[:count]]), torch.cat([reals[count:], fakes[count:]])
        logits = [self.discriminator(images) for images in (some.requires_grad_(), others) if len(images)]
        halves = zip(*(part.chunk(2) for part in logits), strict=True)
        loss = d_relativistic_loss(*(torch.cat(parts).float() for parts in halves))
        if self.gamma:
            # R1 + R2, each times gamma / 2: the mean runs over both.
            loss = loss + self.gamma * gradient_penalty(logits[0], some)
        return loss

    def g_loss(self, real: Seen, fake: Seen) -> Tensor:
        with torch.no_grad():
            real_logits = self.discriminator(*real).float()
        return g_relativistic_loss(real_logits, self.discriminator(*fake).float())


class FeatureAdversary:
    """Heads over the maps of a network, which stays as it is; hinge loss (Sauer et al. 2021,
    arXiv:2111.01007).

    Args:
        network: no part of the discriminator: nobody trains, moves or saves it with the heads.
        noise: standard deviation of what is added to the images that the network sees.
    """

    def __init__(self, network: FeatureNetwork, noise: float = FAINT) -> None:
        self.network, self.noise = network, noise
        self.discriminator: nn.Module = PatchHeads(network.MAPS)

    def see(self, images: Tensor, rng: torch.Generator) -> Seen:
        return self.network.maps(add_noise(images, self.noise, rng) if self.noise else images)

    def d_loss(self, real: Seen, fake: Seen) -> Tensor:
        verdicts = zip(self._judge(real), self._judge([maps.detach() for maps in fake]), strict=True)
        return torch.stack([d_hinge_loss(*logits) for logits in verdicts]).mean()

    def g_loss(self, real: Seen, fake: Seen) -> Tensor:  # noqa: ARG002
        return torch.stack([g_hinge_loss(logits) for logits in self._judge(fake)]).mean()

    def _judge(self, maps: Seen) -> list[Tensor]:
        return [logits.float() for logits in self.discriminator(maps)]


class JointAdversary:
    """Several adversaries at once, whose losses are added.

    Args:
        parts: by what each sees.
        weights: of each in the generator's loss.
    """

    def __init__(self, parts: dict[str, Adversary], weights: Sequence[float]) -> None:
        self.parts, self.weights = list(parts.values()), weights
        self.discriminator = nn.ModuleDict({name: part.discriminator for name, part in parts.items()})

    def see(self, images: Tensor, rng: torch.Generator) -> list[Seen]:
        """What each part is shown of images (N, 3, 64, 64)."""
        return [part.see(images, rng) for part in self.parts]

    def d_loss(self, real: Sequence[Seen], fake: Sequence[Seen]) -> Tensor:
        """The discriminators' loss, of what each was shown."""
        return torch.stack([part.d_loss(*seen) for part, *seen in zip(self.parts, real, fake, strict=True)]).sum()

    def g_loss(self, real: Sequence[Seen], fake: Sequence[Seen]) -> Tensor:
        """The generator's loss, of what each was shown."""
        losses = [part.g_loss(*seen) for part, *seen in zip(self.parts, real, fake, strict=True)]
        return torch.stack([weight * loss for weight, loss in zip(self.weights, losses, strict=True)]).sum()


def new_adversary(config: TrainConfig, guides: Guides) -> JointAdversary:
    """The adversary that the options ask for; its discriminators are new."""
    share = math.ceil(config.penalty_batch / process_count())
    parts: dict[str, Adversary] = {
        "pixels": PixelAdversary(Discriminator(config.d_width), config.gamma, share),
        "patches": FeatureAdversary(Pixels(), noise=0),
    }
    parts |= {name: FeatureAdversary(network) for name, network in guides.features.items()}
    return JointAdversary(parts, [config.pixels_weight, *[1.0] * (len(parts) - 1)])
