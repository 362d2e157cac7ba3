import pytest
import torch
from torch import nn

from expressions.model import Discriminator, Generator


@pytest.fixture(scope="module")
def generator():
    torch.manual_seed(0)
    return Generator().eval()


def test_eight_convolutions_are_each_followed_by_batch_normalisation(generator):
    layers = list(generator.layers)
    convolutions = [i for i, layer in enumerate(layers) if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)]
    followed = [isinstance(layers[i + 1], nn.BatchNorm2d) for i in convolutions]
    assert followed == [True] * 8 + [False]
    assert sum(isinstance(layers[i], nn.ConvTranspose2d) for i in convolutions) == 5


def test_latents_become_faces_in_range(generator):
    faces = generator(torch.rand(3, 100) * 2 - 1)
    assert faces.shape == (3, 3, 64, 64)
    assert faces.abs().max() <= 1


def test_every_latent_number_reaches_the_picture(generator):
    z = (torch.rand(1, 100) * 2 - 1).requires_grad_()
    generator(z).square().sum().backward()
    assert (z.grad != 0).all()


def test_one_logit_an_image_whatever_else_is_in_the_batch():
    discriminator = Discriminator()
    images = torch.rand(4, 3, 64, 64) * 2 - 1
    logits = discriminator(images)
    assert logits.shape == (4,)
    assert torch.allclose(logits[:1], discriminator(images[:1]), atol=1e-5)


def test_the_discriminator_has_no_batch_normalisation():
    assert not any(isinstance(module, nn.BatchNorm2d) for module in Discriminator().modules())
