import pytest
import torch

from expressions.attributes import SLIDERS
from expressions.training.directions import EDIT_LENGTHS, dual_basis, edit_half, regress


def rng():
    return torch.Generator().manual_seed(0)


def test_regression_recovers_linear_scores_as_exactly_as_they_are_given():
    u, weights = torch.randn(20_000, 10, generator=rng()), torch.randn(3, 10, generator=rng())
    scores = (u.double() @ weights.double().T + 5).float()
    found = regress(u, scores)
    assert found.dtype == torch.float32
    assert torch.allclose(found, weights, rtol=0, atol=1e-7)  # in single precision: 1e-6


def test_a_row_of_the_dual_basis_changes_one_score():
    weights = torch.randn(4, 10, generator=rng())
    response = weights @ dual_basis(weights, ridge=1e-6).T
    assert torch.allclose(response, response.diagonal().diag(), atol=1e-4)
    assert torch.allclose(dual_basis(weights).norm(dim=1), torch.tensor(1.5))


def test_every_second_latent_is_moved_by_an_edit_of_one_attribute_or_two():
    u = torch.randn(400, 100, generator=rng())
    moved = edit_half(u, torch.eye(len(SLIDERS), 100), rng()) - u  # along unit vectors: what is left are the amounts
    assert not moved[0::2].any()
    assert (moved[1::2].abs() > 1e-6).sum(1).tolist() == [1, 2] * 100  # both kinds among the first few too
    assert 0.95 * EDIT_LENGTHS[0] < moved.abs().max() <= EDIT_LENGTHS[0] + 1e-5


def test_other_directions_than_the_sliders_are_refused():
    with pytest.raises(ValueError, match=f"generator has 3 directions; a training teaches none or {len(SLIDERS)}"):
        edit_half(torch.randn(4, 100, generator=rng()), torch.randn(3, 100, generator=rng()), rng())


def test_without_directions_no_latent_is_moved():
    u = torch.randn(4, 100, generator=rng())
    assert torch.equal(edit_half(u, torch.empty(0, 100), rng()), u)
