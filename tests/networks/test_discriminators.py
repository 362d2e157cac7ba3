import pytest
import torch
from torch import nn

from expressions.networks.classifier import AttributeClassifier
from expressions.networks.discriminators import Discriminator, ProjectedDiscriminator
from expressions.networks.identity import IdentityEmbedding


@pytest.mark.parametrize("kernel", Discriminator.KERNELS)
def test_one_logit_an_image_whatever_else_is_in_the_batch(kernel):
    discriminator = Discriminator(kernel=kernel)
    images = torch.rand(4, 3, 64, 64) * 2 - 1
    logits = discriminator(images)
    assert logits.shape == (4,)
    assert torch.allclose(logits[:1], discriminator(images[:1]), atol=1e-5)


def test_the_discriminator_has_no_batch_normalisation():
    assert not any(isinstance(module, nn.BatchNorm2d) for module in Discriminator().modules())


@pytest.fixture
def projected():
    torch.manual_seed(0)
    networks = [AttributeClassifier(2), IdentityEmbedding()]
    return ProjectedDiscriminator([network.eval().requires_grad_(False) for network in networks])


def test_the_projected_discriminator_judges_patches_at_every_side_of_each_network_and_in_the_pixels(projected):
    images = (torch.rand(2, 3, 64, 64) * 2 - 1).requires_grad_()
    logits = projected.eval()(images, images)
    assert logits.shape == (2, 9 * 256)
    for head in logits[0].split(256):
        (gradient,) = torch.autograd.grad(head.sum(), images, retain_graph=True)
        assert gradient[0].abs().sum() > 0
        assert gradient[1].abs().sum() == 0


def test_what_the_projected_discriminator_sees_with_is_neither_trained_nor_saved(projected):
    projected.requires_grad_(True)
    projected(*torch.rand(2, 2, 3, 64, 64)).sum().backward()
    assert all(parameter.grad is not None for parameter in projected.parameters())
    assert all(name.startswith("heads.") for name in projected.state_dict())


def test_no_head_of_the_projected_discriminator_is_steep(projected):
    for _ in range(50):  # each step of training refines the estimate of the spectral norm
        projected(*torch.rand(2, 2, 3, 64, 64))
    for layer in projected.eval().modules():
        if isinstance(layer, nn.Conv2d):
            assert torch.linalg.matrix_norm(layer.weight.flatten(1), 2).item() == pytest.approx(1, abs=0.05)
