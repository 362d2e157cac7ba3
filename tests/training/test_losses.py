import math

import pytest
import torch

from expressions.training.losses import (
    d_hinge_loss,
    d_relativistic_loss,
    g_hinge_loss,
    g_relativistic_loss,
    gradient_penalty,
)


def test_level_logits_give_ln_2():
    level = torch.full((4,), 1.5)
    assert d_relativistic_loss(level, level).item() == pytest.approx(math.log(2))


def test_the_two_losses_mirror_each_other():
    real, fake = torch.randn(2, 8)
    assert torch.equal(d_relativistic_loss(real, fake), g_relativistic_loss(fake, real))


def test_the_discriminators_loss_falls_as_the_pair_is_told_apart():
    assert d_relativistic_loss(torch.tensor([30.0]), torch.tensor([-30.0])).item() < 1e-6
    assert d_relativistic_loss(torch.tensor([-30.0]), torch.tensor([30.0])).item() == pytest.approx(60)


def test_logits_beyond_the_hinge_cost_the_discriminator_nothing():
    assert d_hinge_loss(torch.tensor([[1.0, 5.0]]), torch.tensor([[-1.0, -5.0]])).item() == 0
    assert d_hinge_loss(torch.tensor([[-1.0, 2.0]]), torch.tensor([[0.0, 0.5]])).item() == pytest.approx(1 + 1.25)


def test_the_generator_pays_for_low_logits_wherever_the_hinge_is():
    assert g_hinge_loss(torch.tensor([[3.0, -7.0]])).item() == pytest.approx(2)


def test_the_penalty_of_a_linear_critic_is_its_squared_norm():
    weight = torch.randn(3, 4, 4, requires_grad=True)
    images = torch.randn(5, 3, 4, 4, requires_grad=True)
    penalty = gradient_penalty((images * weight).flatten(1).sum(1), images)
    assert penalty.item() == pytest.approx(weight.square().sum().item(), rel=1e-5)
    (gradient,) = torch.autograd.grad(penalty, weight)
    assert torch.allclose(gradient, 2 * weight)
