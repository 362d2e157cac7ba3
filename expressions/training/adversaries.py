"""Adversaries: what the generator is trained against, discriminators with the losses of both sides.

Each judges what its `network` sees of images (N, 3, 64, 64) in [-1, 1], as many real as generated. Its `d_loss` sends
no gradient to the images. For its `g_loss` the weights of its `discriminator` are frozen.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..networks.discriminators import Discriminator, FeatureNetwork, PatchHeads, Pixels
from .config import TrainConfig
from .distributed import process_count
from .guides import CLASSIFIER, Guides
from .losses import d_hinge_loss, d_relativistic_loss, g_hinge_loss, g_relativistic_loss, gradient_penalty
from .moments import FrechetLoss, pooled

MOMENTS = "_moments"  # after the name of the network whose features they are of
_CLASSIFIER_WEIGHT = 0.5  # of heads over a classifier; heads over backbones weigh 1 together; chosen by hand

Seen = Sequence[Tensor]


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
        self.network = Pixels()

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
    """Heads over the maps of a network, which stays as it is; hinge loss (Sauer et al. 2021, arXiv:2111.01007).

    Args:
        network: no part of the discriminator: nobody trains, moves or saves it with the heads.
    """

    def __init__(self, network: FeatureNetwork) -> None:
        self.network = network
        self.discriminator = PatchHeads(network.MAPS)

    def d_loss(self, real: Seen, fake: Seen) -> Tensor:
        verdicts = zip(self._judge(real), self._judge([maps.detach() for maps in fake]), strict=True)
        return torch.stack([d_hinge_loss(*logits) for logits in verdicts]).mean()

    def g_loss(self, real: Seen, fake: Seen) -> Tensor:  # noqa: ARG002
        return torch.stack([g_hinge_loss(logits) for logits in self._judge(fake)]).mean()

    def _judge(self, maps: Seen) -> list[Tensor]:
        return [logits.float() for logits in self.discriminator(maps)]


class MomentAdversary:
    """A discriminator that knows of each side the mean and the covariance of a network's features, and nothing else.

    Args:
        network: as for `FeatureAdversary`.
    """

    def __init__(self, network: FeatureNetwork) -> None:
        self.network = network
        self.discriminator = FrechetLoss(2 * sum(channels for channels, _ in network.MAPS))

    def d_loss(self, real: Seen, fake: Seen) -> Tensor:
        """Nothing: it learns by taking note of both."""
        with torch.no_grad(), torch.autocast(real[0].device.type, enabled=False):
            self.discriminator.real.update(pooled(real))
            self.discriminator.fake.update(pooled(fake))
        return torch.zeros((), device=real[0].device)

    def g_loss(self, real: Seen, fake: Seen) -> Tensor:  # noqa: ARG002
        with torch.autocast(fake[0].device.type, enabled=False):
            return self.discriminator(pooled(fake))


Adversary = PixelAdversary | FeatureAdversary | MomentAdversary


class JointAdversary:
    """Several adversaries at once, whose losses are added.

    Args:
        parts: by what each judges.
        weights: of each in the generator's loss.
    """

    def __init__(self, parts: dict[str, Adversary], weights: Sequence[float]) -> None:
        self.parts, self.weights = list(parts.values()), weights
        self.discriminator = nn.ModuleDict({name: part.discriminator for name, part in parts.items()})

    def see(self, images: Tensor) -> list[Seen]:
        """What each part is shown of images (N, 3, 64, 64); each network looks once, gradients pass to the images."""
        maps = {network: network.maps(images) for network in dict.fromkeys(part.network for part in self.parts)}
        return [maps[part.network] for part in self.parts]

    def d_loss(self, real: Sequence[Seen], fake: Sequence[Seen]) -> Tensor:
        """The discriminators' loss, of what each was shown."""
        return torch.stack([part.d_loss(*seen) for part, *seen in zip(self.parts, real, fake, strict=True)]).sum()

    def g_loss(self, real: Sequence[Seen], fake: Sequence[Seen]) -> Tensor:
        """The generator's loss, of what each was shown."""
        losses = [part.g_loss(*seen) for part, *seen in zip(self.parts, real, fake, strict=True)]
        return torch.stack([weight * loss for weight, loss in zip(self.weights, losses, strict=True)]).sum()

    def refresh(self) -> None:
        """Do what need not be done in every step, and a CUDA graph cannot record."""
        for part in self.discriminator.values():
            if isinstance(part, FrechetLoss):
                part.refresh()


def new_adversary(config: TrainConfig, guides: Guides) -> JointAdversary:
    """The adversary that the options ask for; its discriminators are new."""
    penalised = math.ceil(config.penalty_batch / process_count())
    parts: dict[str, tuple[float, Adversary]] = {}
    if config.pixels_weight:
        whole = PixelAdversary(Discriminator(config.d_width), config.gamma, penalised)
        parts["pixels"] = (config.pixels_weight, whole)
        parts["patches"] = (config.pixels_weight, FeatureAdversary(Pixels()))
    backbones = len(guides.features.keys() - {CLASSIFIER})
    for name, network in guides.features.items():
        heads, share = (_CLASSIFIER_WEIGHT, 1.0) if name == CLASSIFIER else (1 / backbones, 1 / backbones)
        parts[name] = (heads, FeatureAdversary(network))
        if config.moments_weight:  # counting them takes time
            parts[name + MOMENTS] = (share * config.moments_weight, MomentAdversary(network))
    return JointAdversary({name: part for name, (_, part) in parts.items()}, [weight for weight, _ in parts.values()])
