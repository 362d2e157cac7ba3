"""Measures of image quality, on features (N, D) of real and (M, D) of generated faces, whatever network gave them."""

from itertools import pairwise

import torch
from torch import Tensor, nn

from ..images import to_unit
from ..latents import Z_DIM
from ..networks.generator import BATCH


class RandomFeatures(nn.Module):
    """Features of an untrained convolutional network: they see texture and colour (Naeem et al. 2020, section 4).

    Args:
        seed: of its weights.
        widths: channels of the images, then of each layer; a layer halves the side.
    """

    def __init__(self, seed: int, widths: tuple[int, ...] = (3, 16, 32, 64)) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            layers = [nn.Conv2d(inputs, outputs, 4, 2, 1) for inputs, outputs in pairwise(widths)]
            for layer in layers:
                nn.init.kaiming_normal_(layer.weight, a=0.2)
        self.layers = nn.ModuleList(layers)
        self.requires_grad_(False)

    def forward(self, images: Tensor) -> Tensor:
        """Images (N, 3, H, W) in [-1, 1] -> the means and deviations of all maps (N, 2 * sum of widths[1:])."""
        moments = []
        for layer in self.layers:
            images = nn.functional.leaky_relu(layer(images), 0.2)
            moments += [images.mean((2, 3)), images.std((2, 3))]
        return torch.cat(moments, 1)


def frechet_distance(real_features: Tensor, fake_features: Tensor) -> float:
    """Frechet distance between the normal distributions of two sets of features (Dowson & Landau 1982; Heusel et al.
    2017, arXiv:1706.08500, eq. 6): |mu_r - mu_f|^2 + tr(C_r + C_f - 2 (C_r C_f)^(1/2)), in their squared units.

    Raises:
        ValueError: the widths differ, there are fewer than two features in a set, or one is not finite.
    """
    real, fake = _checked(real_features, fake_features)
    real_covariance, fake_covariance = (torch.cov(s.T) for s in (real, fake))
    values, vectors = torch.linalg.eigh(real_covariance)
    root = (vectors * values.clamp_min(0).sqrt()) @ vectors.T
    cross = torch.linalg.eigvalsh(root @ fake_covariance @ root).clamp_min(0).sqrt().sum()
    means = (real.mean(0) - fake.mean(0)).square().sum()
    distance = means + real_covariance.trace() + fake_covariance.trace() - 2 * cross
    return max(0.0, distance.item())


def neighbourhood_scores(real_features: Tensor, fake_features: Tensor, k: int = 5) -> dict[str, float]:
    """Diversity from balls around features, which reach the k-th nearest neighbour in their own set.

    `recall` is the share of reals inside a ball of the fakes (Kynkaanniemi et al. 2019, arXiv:1904.06991, eq. 2),
    `coverage` that of reals whose ball holds a fake (Naeem et al. 2020, arXiv:2002.09797, eq. 4). Precision, the share
    of fakes inside a ball of the reals, is left out: it does not fall where faces are broken.

    Raises:
        ValueError: as for `frechet_distance`, or a set has no k neighbours.
    """
    real, fake = _checked(real_features, fake_features)
    if min(len(real), len(fake)) <= k:
        raise ValueError(f"k must be below the number of features, got {k}")
    real_radii, fake_radii = _kth_distance(real, k), _kth_distance(fake, k)
    distances = torch.cdist(real, fake)
    shares = {
        "recall": (distances <= fake_radii).any(1),
        "coverage": distances.amin(1) <= real_radii,
    }
    return {name: share.double().mean().item() for name, share in shares.items()}


def _kth_distance(features: Tensor, k: int) -> Tensor:
    """(N,) distance of each feature to its k-th neighbour, itself not counted."""
    return torch.cat([torch.cdist(part, features).kthvalue(k + 1).values for part in features.split(1000)])


def ridge_probe(real_features: Tensor, fake_features: Tensor) -> tuple[float, float]:
    """How well a linear probe tells two sets apart (a classifier two-sample test: Lopez-Paz & Oquab 2017,
    arXiv:1610.06545). Ridge regression is fitted on a half of each set and judged on the other.

    Args:
        real_features: (N, D), best of variance 1.
        fake_features: (M, D); of the larger set as many are used as the smaller one has.

    Returns:
        Accuracy, and the area under the ROC curve: the chance that a real face scores above a fake one. Both are 0.5
        for sets of one distribution.

    Raises:
        ValueError: as for `frechet_distance`.
    """
    real, fake = _checked(real_features, fake_features)
    rng = torch.Generator().manual_seed(0)
    count = min(len(real), len(fake))
    half = count // 2
    real, fake = (features[torch.randperm(len(features), generator=rng)[:count]] for features in (real, fake))
    seen = torch.cat([real[:half], fake[:half]])
    sides = torch.cat([seen.new_ones(half), -seen.new_ones(half)])
    mean = seen.mean(0)
    covariance = (seen - mean).T @ (seen - mean) / len(seen)
    covariance.diagonal().add_(0.1)  # weight of the squared coefficients, for one face
    direction = torch.linalg.solve(covariance, (seen - mean).T @ sides)
    real_scores, fake_scores = ((features[half:] - mean) @ direction for features in (real, fake))
    accuracy = ((real_scores > 0).double().mean() + (fake_scores <= 0).double().mean()) / 2
    below = torch.searchsorted(fake_scores.sort().values, real_scores)
    return accuracy.item(), below.double().mean().item() / len(fake_scores)


def nearest_distance(features: Tensor, others: Tensor) -> Tensor:
    """(N,) distance of each feature (N, D) to the nearest of others (M, D)."""
    return torch.cat([torch.cdist(part, others).amin(1) for part in features.split(500)])


def _checked(real_features: Tensor, fake_features: Tensor) -> tuple[Tensor, Tensor]:
    """Both sets in double precision, if they can be compared."""
    sets = {"real_features": real_features, "fake_features": fake_features}
    for name, features in sets.items():
        if features.dim() != 2 or len(features) < 2 or features.shape[1] != real_features.shape[1]:
            raise ValueError(f"{name} must be (N, D) with N at least 2 and one D for both, got {tuple(features.shape)}")
        if not features.isfinite().all():
            raise ValueError(f"{name} must be finite")
    return real_features.double(), fake_features.double()


class Probe:
    """Tells how a training goes on: Frechet distance between generated and training faces, always the same ones.

    It sees random features, and compares ticks of one training: to compare generators, see benchmarks/quality.py.

    Args:
        images: (N, 3, 64, 64) uint8 real faces, of which `COUNT` are used.
    """

    COUNT = 1000

    def __init__(self, images: Tensor) -> None:
        self.features = RandomFeatures(seed=0).to(images.device)
        rng = torch.Generator().manual_seed(0)
        self.z = (torch.rand(self.COUNT, Z_DIM, generator=rng) * 2 - 1).to(images.device)
        chosen = torch.randperm(len(images), generator=rng)[: self.COUNT].to(images.device)
        self.real_features = self.features(to_unit(images[chosen]))

    @torch.no_grad()
    def __call__(self, generator: nn.Module) -> float:
        """The distance for a generator in evaluation mode."""
        fakes = [self.features(generator(z)) for z in self.z.split(BATCH)]
        return frechet_distance(self.real_features.cpu(), torch.cat(fakes).cpu())
