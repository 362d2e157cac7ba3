import pytest
import torch
from torch import nn

from expressions.networks.classifier import AttributeClassifier
from expressions.networks.discriminators import Discriminator, Pixels
from expressions.training.adversaries import FeatureAdversary, JointAdversary, MomentAdversary, PixelAdversary


def pixels():
    return PixelAdversary(Discriminator(8), gamma=0.3, penalty_batch=2)


def features():
    return FeatureAdversary(AttributeClassifier(2).eval().requires_grad_(False))


def patches():
    return FeatureAdversary(Pixels())


@pytest.fixture(params=[pixels, patches, features])
def adversary(request):
    torch.manual_seed(0)
    return request.param()


def rng():
    return torch.Generator().manual_seed(0)


def dark_and_bright():
    images = torch.rand(4, 3, 64, 64, generator=rng()) * 0.2
    return images - 0.8, images + 0.6


def learn(adversary, dark, bright):
    """Ten steps of the discriminator; returns its losses."""
    optimizer, see = torch.optim.Adam(adversary.discriminator.parameters(), 2e-4), adversary.network.maps
    losses = []
    for _ in range(10):
        loss = adversary.d_loss(see(dark), see(bright))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def test_the_discriminators_loss_teaches_it_to_tell_the_two_apart(adversary):
    losses = learn(adversary, *dark_and_bright())
    assert losses[-1] < 0.9 * losses[0]


def test_the_generators_loss_falls_as_its_images_become_those_that_pass_for_real(adversary):
    dark, bright = dark_and_bright()
    learn(adversary, dark, bright)
    adversary.discriminator.requires_grad_(False)
    real, fake = adversary.network.maps(dark), bright.requires_grad_(True)
    told_apart = adversary.g_loss(real, adversary.network.maps(fake))
    assert adversary.g_loss(real, real) < told_apart
    (gradient,) = torch.autograd.grad(told_apart, fake)
    assert gradient.abs().sum() > 0


def test_the_discriminators_loss_sends_no_gradient_to_the_generator(adversary):
    dark, bright = dark_and_bright()
    real, fake = map(adversary.network.maps, (dark, bright.requires_grad_()))
    adversary.d_loss(real, fake).backward()
    assert bright.grad is None
    assert all(parameter.grad is not None for parameter in adversary.discriminator.parameters())


def test_a_linear_critic_pays_gamma_times_its_squared_norm():
    dark, bright = dark_and_bright()
    critic = nn.Sequential(nn.Flatten(), nn.Linear(3 * 64 * 64, 1, bias=False), nn.Flatten(0))
    losses = [PixelAdversary(critic, gamma, penalty_batch=2).d_loss([dark], [bright]).item() for gamma in (0, 0.3)]
    # R1 and R2, each the squared norm of every gradient, times half of gamma.
    assert losses[1] - losses[0] == pytest.approx(0.3 * critic[1].weight.square().sum().item(), rel=1e-4)


@pytest.mark.parametrize(("gamma", "penalty_batch"), [(0.3, 1), (0.3, 4), (0.3, 9), (0, 2)])
def test_an_image_is_judged_once_and_in_its_place_whether_it_carries_penalties_or_not(gamma, penalty_batch):
    dark, bright = dark_and_bright()
    critic = Discriminator(8)
    seen = []
    critic.register_forward_hook(lambda _module, images, _logits: seen.append(images[0]))
    PixelAdversary(critic, gamma, penalty_batch).d_loss([dark], [bright])
    assert sum(map(len, seen)) == len(dark) + len(bright)
    both = [images.chunk(2) for images in seen]  # of the first and of the second call: real ones, then fakes
    torch.testing.assert_close(torch.cat([real for real, _ in both]), dark)
    torch.testing.assert_close(torch.cat([fake for _, fake in both]), bright)


def test_two_adversaries_learn_together_and_the_generator_weighs_each():
    torch.manual_seed(0)
    both = JointAdversary({"pixels": pixels(), "features": features()}, [0.25, 2.0])
    both.discriminator.eval()  # so that the spectral norms stand still
    first, second = both.parts
    assert dict(both.discriminator) == {"pixels": first.discriminator, "features": second.discriminator}
    real, fake = (both.see(images) for images in dark_and_bright())
    d_losses = [part.d_loss(*seen).item() for part, *seen in zip(both.parts, real, fake, strict=True)]
    assert both.d_loss(real, fake).item() == pytest.approx(sum(d_losses), rel=1e-4)
    g_losses = [part.g_loss(*seen).item() for part, *seen in zip(both.parts, real, fake, strict=True)]
    assert both.g_loss(real, fake).item() == pytest.approx(0.25 * g_losses[0] + 2 * g_losses[1], rel=1e-4)


def test_a_network_that_several_see_through_looks_once():
    network, calls = Pixels(), []
    network.maps = lambda images: calls.append(images) or [images]
    both = JointAdversary({"heads": FeatureAdversary(network), "moments": MomentAdversary(network)}, [1, 1])
    images = torch.zeros(2, 3, 64, 64)
    assert both.see(images) == [[images], [images]]
    assert len(calls) == 1


def test_moments_are_taken_note_of_on_both_sides():
    adversary = MomentAdversary(Pixels())
    dark, bright = dark_and_bright()
    assert adversary.d_loss([dark], [bright]) == 0
    real, fake = adversary.discriminator.real, adversary.discriminator.fake
    assert real.count == fake.count == len(dark)
    assert (fake.mean[:3] - real.mean[:3]).tolist() == pytest.approx([1.4] * 3, abs=0.01)
