"""The Frechet distance as a loss: a generator brings the mean and the covariance of features to those of real faces."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

_FLAT = 1e-3  # a deviation that counts as none
_LEAST = 1e-3  # of the mean eigenvalue: what is smaller, a sample of this size cannot tell from nothing


def pooled(maps: Sequence[Tensor]) -> Tensor:
    """The mean and the standard deviation of each of the maps (N, C, H, W) -> (N, 2 * sum of C)."""
    features = []
    for each in (seen.float() for seen in maps):
        features += [each.mean((2, 3)), (each.var((2, 3), unbiased=False) + _FLAT**2).sqrt()]
    return torch.cat(features, 1)


class RunningMoments(nn.Module):
    """Mean and covariance of all features that were seen.

    Args:
        width: of a feature vector.
        half_life: how many later ones halve the weight of one.
    """

    mean: Tensor
    covariance: Tensor
    count: Tensor

    def __init__(self, width: int, half_life: float = math.inf) -> None:
        super().__init__()
        self.half_life = half_life
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("covariance", torch.zeros(width, width))
        self.register_buffer("count", torch.zeros(()))

    def update(self, features: Tensor) -> None:
        """See features (N, D) more."""
        self.count += len(features)
        weight = (len(features) / self.count).clamp(min=1 - 0.5 ** (len(features) / self.half_life))
        mean = features.mean(0)
        centred, step = features - mean, mean - self.mean
        between = (1 - weight) * torch.outer(step, step)
        self.covariance.lerp_(centred.T @ centred / len(features) + between, weight)
        self.mean.lerp_(mean, weight)


class FrechetLoss(nn.Module):
    """The Frechet distance of generated to real faces in a network's features (Yang et al. 2026, arXiv:2604.28190).

    A batch is too small to tell a covariance. So both distributions are of all faces lately seen, and the batch alone
    carries a gradient. It draws each face's features to where the optimal transport between the two normal
    distributions takes them (Dowson & Landau 1982), which is the gradient of the distance.

    Args:
        width: of a feature vector.
    """

    HALF_LIFE = 4000  # in generated faces: those from before are of another generator; chosen by hand
    ENOUGH = 4  # times as many faces of each side as features, before the distance counts; chosen by hand

    scale: Tensor
    transport: Tensor
    weight: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.real, self.fake = RunningMoments(width), RunningMoments(width, self.HALF_LIFE)
        self.register_buffer("scale", torch.ones(width))  # deviations over real faces
        self.register_buffer("transport", torch.eye(width))  # of features in these, so that every one counts alike
        self.register_buffer("weight", torch.zeros(()))  # 1 once there are enough faces

    def forward(self, features: Tensor) -> Tensor:
        """What features (N, D) of generated faces add to the distance, divided by D; 0 while there are few."""
        with torch.no_grad():
            goal = self.real.mean + (features - self.fake.mean) / self.scale @ self.transport * self.scale
        return self.weight * ((features - goal) / self.scale).square().mean()

    @torch.no_grad()
    def refresh(self) -> None:
        """Find scale and transport anew."""
        if min(self.real.count, self.fake.count) < self.ENOUGH * len(self.scale):
            return
        self.scale.copy_(self.real.covariance.diagonal().sqrt().clamp(min=_FLAT))
        unit = torch.outer(self.scale, self.scale)
        root = _power(self.real.covariance / unit, 0.5)
        self.transport.copy_(root @ _power(root @ (self.fake.covariance / unit) @ root, -0.5) @ root)
        self.weight.fill_(1)


def _power(matrix: Tensor, exponent: float) -> Tensor:
    """A power of a symmetric matrix whose eigenvalues are not negative."""
    where = "cpu" if matrix.device.type == "mps" else matrix.device  # Apple's GPUs find no eigenvalues
    values, vectors = torch.linalg.eigh(matrix.to(where))
    return ((vectors * values.clamp(min=_LEAST * values.mean()) ** exponent) @ vectors.T).to(matrix.device)
