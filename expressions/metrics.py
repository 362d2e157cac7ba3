"""Measures of image quality, on features that any network gave."""

import torch
from torch import Tensor


def frechet_distance(real_features: Tensor, fake_features: Tensor) -> float:
    """Frechet distance between the normal distributions of two sets of features
    (Dowson & Landau 1982; Heusel et al. 2017, arXiv:1706.08500, eq. 6).

    Args:
        real_features: (N, D).
        fake_features: (M, D).

    Returns:
        |mu_r - mu_f|^2 + tr(C_r + C_f - 2 (C_r C_f)^(1/2)): at least 0, in squared units of the features.

    Raises:
        ValueError: the widths differ, there are fewer than two features in a set, or one is not finite.
    """
    sets = {"real_features": real_features, "fake_features": fake_features}
    for name, features in sets.items():
        if features.dim() != 2 or len(features) < 2 or features.shape[1] != real_features.shape[1]:
            raise ValueError(f"{name} must be (N, D) with N at least 2 and one D for both, got {tuple(features.shape)}")
        if not features.isfinite().all():
            raise ValueError(f"{name} must be finite")
    real, fake = (features.double() for features in sets.values())
    real_covariance, fake_covariance = (torch.cov(s.T) for s in (real, fake))
    root = _matrix_root(real_covariance)
    cross = torch.linalg.eigvalsh(root @ fake_covariance @ root).clamp_min(0).sqrt().sum()
    means = (real.mean(0) - fake.mean(0)).square().sum()
    distance = means + real_covariance.trace() + fake_covariance.trace() - 2 * cross
    return max(0.0, distance.item())


def _matrix_root(matrix: Tensor) -> Tensor:
    """Square root of a symmetric matrix without negative eigenvalues."""
    values, vectors = torch.linalg.eigh(matrix)
    return (vectors * values.clamp_min(0).sqrt()) @ vectors.T
