import pytest
import torch
from torch import nn

from expressions.networks.discriminators import Discriminator, PatchHeads

SHAPES = [(64, 32), (8, 6), (4, 3)]


def test_one_logit_an_image_whatever_else_is_in_the_batch():
    discriminator = Discriminator()
    images = torch.rand(4, 3, 64, 64) * 2 - 1
    logits = discriminator(images)
    assert logits.shape == (4,)
    assert torch.allclose(logits[:1], discriminator(images[:1]), atol=1e-5)


def test_the_discriminator_has_no_batch_normalisation():
    assert not any(isinstance(module, nn.BatchNorm2d) for module in Discriminator().modules())


@pytest.fixture
def heads():
    torch.manual_seed(0)
    return PatchHeads(SHAPES)


def maps():
    return [torch.randn(2, channels, side, side) for channels, side in SHAPES]


def test_every_map_is_judged_patch_by_patch_and_each_image_by_itself(heads):
    seen = [one.requires_grad_() for one in maps()]
    logits = heads.eval()(seen)
    assert [tuple(one.shape) for one in logits] == [(2, 64), (2, 9), (2, 9)]
    for own, verdicts in zip(seen, logits, strict=True):
        (gradient,) = torch.autograd.grad(verdicts[0].sum(), own)
        assert gradient[0].abs().sum() > 0
        assert gradient[1].abs().sum() == 0


def test_no_head_is_steep(heads):
    for _ in range(50):  # each step of training refines the estimate of the spectral norm
        heads(maps())
    for layer in heads.eval().modules():
        if isinstance(layer, nn.Conv2d):
            assert torch.linalg.matrix_norm(layer.weight.flatten(1), 2).item() == pytest.approx(1, abs=0.05)
