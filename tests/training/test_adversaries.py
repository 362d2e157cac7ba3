import pytest
import torch
from torch import nn

from expressions.networks.classifier import AttributeClassifier
from expressions.networks.discriminators import Discriminator
from expressions.networks.identity import IdentityEmbedding
from expressions.training.adversaries import JointAdversary, ProjectedAdversary, RelativisticAdversary


def relativistic():
    return RelativisticAdversary(Discriminator(8), gamma=0.3, penalty_batch=2)


def projected():
    networks = [AttributeClassifier(2), IdentityEmbedding()]
    return ProjectedAdversary([network.eval().requires_grad_(False) for network in networks])


def joint(weight=0.5):
    return JointAdversary({"features": projected(), "pixels": relativistic()}, weight)


@pytest.fixture(params=[relativistic, projected, joint])
def adversary(request):
    torch.manual_seed(0)
    return request.param()


def rng():
    return torch.Generator().manual_seed(0)


def dark_and_bright():
    images = torch.rand(4, 3, 64, 64, generator=rng()) * 0.2
    return images - 0.8, images + 0.6


def test_the_discriminators_loss_teaches_it_to_tell_the_two_apart(adversary):
    dark, bright = dark_and_bright()
    optimizer = torch.optim.Adam(adversary.discriminator.parameters(), 2e-4)
    losses = []
    for _ in range(10):
        loss, real_logits, fake_logits = adversary.d_loss(dark, bright, rng())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.9 * losses[0]
    assert real_logits.mean() > fake_logits.mean()
    assert len(real_logits) == len(fake_logits) == 4


def test_the_generators_loss_falls_as_its_images_become_those_that_pass_for_real(adversary):
    dark, bright = dark_and_bright()
    optimizer = torch.optim.Adam(adversary.discriminator.parameters(), 2e-4)
    for _ in range(10):
        optimizer.zero_grad()
        adversary.d_loss(dark, bright, rng())[0].backward()
        optimizer.step()
    adversary.discriminator.requires_grad_(False)
    fake = bright.requires_grad_(True)
    told_apart = adversary.g_loss(dark, fake, rng())
    assert adversary.g_loss(dark, dark, rng()) < told_apart
    (gradient,) = torch.autograd.grad(told_apart, fake)
    assert gradient.abs().sum() > 0


def test_a_linear_critic_pays_gamma_times_its_squared_norm():
    dark, bright = dark_and_bright()
    critic = nn.Sequential(nn.Flatten(), nn.Linear(3 * 64 * 64, 1, bias=False), nn.Flatten(0))
    losses = []
    for gamma in (0, 0.3):
        adversary = RelativisticAdversary(critic, gamma, penalty_batch=2)
        losses.append(adversary.d_loss(dark, bright, rng())[0].item())
    # R1 and R2, each the squared norm of every gradient, times half of gamma.
    assert losses[1] - losses[0] == pytest.approx(0.3 * critic[1].weight.square().sum().item(), rel=1e-4)


@pytest.mark.parametrize(("gamma", "penalty_batch"), [(0.3, 1), (0.3, 4), (0.3, 9), (0, 2)])
def test_an_image_is_judged_once_and_in_its_place_whether_it_carries_penalties_or_not(gamma, penalty_batch):
    dark, bright = dark_and_bright()
    critic = Discriminator(8)
    seen = []
    critic.register_forward_hook(lambda _module, images, _logits: seen.append(len(images[0])))
    _, real_logits, fake_logits = RelativisticAdversary(critic, gamma, penalty_batch).d_loss(dark, bright, rng())
    assert sum(seen) == len(dark) + len(bright)
    torch.testing.assert_close(real_logits, critic(dark))
    torch.testing.assert_close(fake_logits, critic(bright))


def test_two_adversaries_learn_together_and_the_generator_weighs_the_second():
    dark, bright = dark_and_bright()
    both = joint(weight=0.25)
    first, second = both.parts
    assert dict(both.discriminator) == {"features": first.discriminator, "pixels": second.discriminator}
    loss, real_logits, _ = both.d_loss(dark, bright, rng())
    loss.backward()
    assert all(parameter.grad is not None for parameter in both.discriminator.parameters())
    alone, alone_logits, _ = first.d_loss(dark, bright, rng())
    assert loss.item() == pytest.approx((alone + second.d_loss(dark, bright, rng())[0]).item(), rel=1e-3)
    assert real_logits.shape == alone_logits.shape
    parts = [adversary.g_loss(dark, bright, rng()).item() for adversary in (first, second)]
    assert both.g_loss(dark, bright, rng()).item() == pytest.approx(parts[0] + 0.25 * parts[1], rel=1e-3)
