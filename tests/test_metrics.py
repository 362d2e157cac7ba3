import pytest
import torch

from expressions.metrics import frechet_distance


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
