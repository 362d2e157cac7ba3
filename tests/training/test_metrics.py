import pytest
import torch

from expressions.training.metrics import (
    RandomFeatures,
    frechet_distance,
    nearest_distance,
    neighbourhood_scores,
    ridge_probe,
)


def test_random_features_follow_from_their_seed_and_leave_other_draws_alone():
    images = torch.rand(4, 3, 64, 64) * 2 - 1
    torch.manual_seed(1)
    first, drawn = RandomFeatures(seed=0)(images), torch.rand(1)
    torch.manual_seed(1)
    assert torch.equal(drawn, torch.rand(1))
    assert first.shape == (4, 2 * (16 + 32 + 64))
    assert torch.equal(first, RandomFeatures(seed=0)(images))
    assert not torch.allclose(first, RandomFeatures(seed=1)(images))


def test_a_set_has_distance_0_to_itself():
    features = torch.randn(500, 8)
    assert frechet_distance(features, features) == pytest.approx(0, abs=1e-6)


def test_equal_covariances_leave_the_squared_distance_of_the_means():
    features = torch.randn(500, 4)
    moved = features + torch.tensor([3.0, 4.0, 0.0, 0.0])
    assert frechet_distance(features, moved) == pytest.approx(25, rel=1e-4)


def test_doubling_one_axis_costs_its_variance():
    features = torch.randn(2000, 3, dtype=torch.float64)
    stretched = (features - features.mean(0)) * torch.tensor([2.0, 1.0, 1.0]) + features.mean(0)
    # the covariance changes from C to S C S; with nearly diagonal C the distance is (2 - 1)^2 var_0
    assert frechet_distance(features, stretched) == pytest.approx(features[:, 0].var().item(), rel=0.02)


def test_the_order_of_the_sets_does_not_matter():
    a, b = torch.randn(300, 5), torch.randn(200, 5) * 2
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a), rel=1e-6)


@pytest.mark.parametrize("features", [torch.zeros(1, 4), torch.zeros(9, 5), torch.full((9, 4), float("nan"))])
def test_what_cannot_be_compared_is_refused_by_name(features):
    with pytest.raises(ValueError, match="fake_features must be"):
        frechet_distance(torch.randn(9, 4), features)


def test_a_set_is_whole_beside_itself():
    features = torch.randn(200, 4, generator=torch.Generator().manual_seed(0))
    assert neighbourhood_scores(features, features, k=3) == {"recall": 1, "coverage": 1}


def test_a_lost_mode_costs_recall_and_a_strange_one_does_not():
    near, far = torch.randn(2, 100, 2, generator=torch.Generator().manual_seed(0))
    both = torch.cat([near, far + 1000])
    assert neighbourhood_scores(both, near) == {"recall": 0.5, "coverage": 0.5}
    assert neighbourhood_scores(near, both) == {"recall": 1, "coverage": 1}


def test_more_neighbours_than_features_are_refused():
    with pytest.raises(ValueError, match="k must be below the number of features, got 5"):
        neighbourhood_scores(torch.zeros(5, 2), torch.zeros(9, 2), k=5)


def test_a_probe_guesses_at_sets_of_one_distribution():
    one, other = torch.randn(2, 4000, 8, generator=torch.Generator().manual_seed(0))
    assert ridge_probe(one, other) == pytest.approx((0.5, 0.5), abs=0.03)


def test_a_probe_tells_normal_distributions_as_often_as_their_overlap_allows():
    one, other = torch.randn(2, 20_000, 4, generator=torch.Generator().manual_seed(0))
    accuracy, auc = ridge_probe(one, other + torch.tensor([2.0, 0.0, 0.0, 0.0]))
    normal = torch.distributions.Normal(0.0, 1.0)
    # Means 2 apart: the border lies at 1, and the difference of two draws has variance 2.
    assert accuracy == pytest.approx(normal.cdf(torch.tensor(1.0)).item(), abs=0.01)
    assert auc == pytest.approx(normal.cdf(torch.tensor(2**0.5)).item(), abs=0.01)


def test_a_probe_uses_as_many_of_both_sets_and_tells_all_where_they_lie_apart():
    one, other = torch.randn(400, 3), torch.randn(90, 3) + 10
    assert ridge_probe(one, other) == ridge_probe(other, one) == (1, 1)


def test_the_nearest_of_others_is_found():
    others = torch.tensor([[0.0, 0.0], [3.0, 4.0]])
    assert nearest_distance(torch.tensor([[0.0, 1.0], [3.0, 4.0]]), others).tolist() == [1, 0]
