import pytest
import torch

from expressions.training.metrics import frechet_distance
from expressions.training.moments import FrechetLoss, RunningMoments, pooled

WIDTH = 3


def two_sets(count=400):
    """Features of two normal distributions, the second narrower, turned and moved."""
    random = torch.Generator().manual_seed(0)
    real = torch.randn(count, WIDTH, generator=random) * torch.tensor([1.0, 4.0, 0.5]) + 2
    fake = torch.randn(count, WIDTH, generator=random) @ torch.randn(WIDTH, WIDTH, generator=random) - 1
    return real, fake


def fitted(real, fake):
    loss = FrechetLoss(WIDTH)
    loss.real.update(real)
    loss.fake.update(fake)
    loss.refresh()
    return loss


def test_maps_become_their_means_and_deviations():
    fine, coarse = torch.rand(2, 3, 8, 8), torch.rand(2, 5, 4, 4)
    features = pooled([fine, coarse])
    assert features.shape == (2, 16)
    torch.testing.assert_close(features[:, :3], fine.mean((2, 3)))
    torch.testing.assert_close(features[:, 3:6], fine.flatten(2).std(2, unbiased=False), atol=1e-5, rtol=1e-4)
    assert pooled([torch.zeros(1, 1, 4, 4, requires_grad=True)]).isfinite().all()


def test_moments_seen_in_parts_are_those_of_all():
    features, _ = two_sets()
    moments = RunningMoments(WIDTH)
    for part in features.split([7, 300, 93]):
        moments.update(part)
    assert moments.count == len(features)
    torch.testing.assert_close(moments.mean, features.mean(0))
    torch.testing.assert_close(moments.covariance, torch.cov(features.T, correction=0))


def test_after_the_half_life_half_is_forgotten():
    moments = RunningMoments(1, half_life=100)
    moments.update(torch.zeros(10_000, 1))
    for _ in range(10):
        moments.update(torch.ones(10, 1))
    assert moments.mean.item() == pytest.approx(0.5, abs=1e-3)
    assert moments.covariance.item() == pytest.approx(0.25, abs=1e-3)


def test_the_gradient_is_that_of_the_distance():
    real, fake = two_sets()
    loss = fitted(real, fake)
    scale = real.std(0, unbiased=False)

    features = fake.clone().requires_grad_(True)
    loss(features).backward()
    step = 1e-3
    for row, column in ((0, 0), (1, 1), (2, 2)):
        ends = []
        for sign in (1, -1):
            moved = fake.clone()
            moved[row, column] += sign * step * len(fake)
            ends.append(frechet_distance(real / scale, moved / scale))
        slope = (ends[0] - ends[1]) / (2 * step * len(fake))
        assert features.grad[row, column].item() * WIDTH == pytest.approx(slope, rel=0.05, abs=1e-4)


def test_whoever_follows_it_meets_the_distribution():
    real, noise = two_sets()
    affine = torch.nn.Linear(WIDTH, WIDTH)
    optimizer = torch.optim.Adam(affine.parameters(), 0.1)
    before = frechet_distance(real, affine(noise).detach())
    for _ in range(100):
        fake = affine(noise)
        optimizer.zero_grad()
        fitted(real, fake.detach())(fake).backward()
        optimizer.step()
    assert frechet_distance(real, affine(noise).detach()) < 0.01 * before


def test_few_faces_move_nothing():
    real, fake = (features[: FrechetLoss.ENOUGH * WIDTH - 1] for features in two_sets())
    assert fitted(real, fake)(fake) == 0
    assert fitted(*two_sets())(fake) > 0
