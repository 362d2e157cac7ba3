import pytest
import torch
from torch.nn.functional import avg_pool2d

from expressions.errors import WeightsError
from expressions.networks.discriminators import PatchDiscriminator
from expressions.networks.files import save_network
from expressions.networks.lens import Lens, bicubic, load_lens, with_means


@pytest.fixture(scope="module")
def lens():
    """One that was never fitted, and draws all the same."""
    torch.manual_seed(0)
    lens = Lens().eval().requires_grad_(False)
    lens.layers[-1].weight.normal_()
    return lens


def faces(count=3, height=64, width=64):
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(1)) * 2 - 1


@pytest.mark.parametrize("size", [(64, 64), (32, 32), (10, 14)])
def test_a_lens_doubles_each_side(lens, size):
    large = lens(faces(2, *size))
    assert large.shape == (2, 3, 2 * size[0], 2 * size[1])
    assert large.abs().max() <= 1


def test_what_a_lens_draws_is_the_same_face_when_it_is_reduced(lens):
    images = faces()
    large = lens(images)
    assert not torch.allclose(large, bicubic(images), atol=0.05)
    assert torch.allclose(avg_pool2d(large, 2), images, atol=1e-6)


def test_black_and_white_stay_so():
    images = torch.ones(1, 3, 4, 4)
    images[..., :2] = -1
    assert torch.equal(with_means(bicubic(images), images), images.repeat_interleave(2, 2).repeat_interleave(2, 3))


def test_four_pixels_stay_apart_as_far_as_they_can():
    large = torch.tensor([[3.0, 1.0], [-1.0, -3.0]]).expand(1, 3, 2, 2)
    # About 0 there is room for a third of the differences, about 0.5 for a sixth.
    assert torch.allclose(with_means(large, torch.zeros(1, 3, 1, 1)), large / 3)
    assert torch.allclose(with_means(large, torch.full((1, 3, 1, 1), 0.5)), 0.5 + large / 6)
    assert torch.allclose(with_means(large / 10 + 0.2, torch.full((1, 3, 1, 1), 0.5)), 0.5 + large / 10)


def test_a_lens_is_small():
    assert sum(parameter.numel() for parameter in Lens().parameters()) < 100_000


def test_a_new_lens_enlarges_smoothly():
    images = faces()
    assert torch.equal(Lens()(images), with_means(bicubic(images), images))


def test_a_face_is_enlarged_alike_alone_and_among_others(lens):
    images = faces()
    assert torch.allclose(lens(images)[1:2], lens(images[1:2]), atol=1e-5)


def test_a_discriminator_judges_every_patch():
    discriminator = PatchDiscriminator().eval()
    images = faces(2, 128, 128).requires_grad_()
    logits = discriminator(images)
    assert logits.shape == (2, 1, 32, 32)
    logits[0, 0, 16, 16].backward()
    seen = images.grad.abs().sum((0, 1))
    assert [int(seen.sum(axis).count_nonzero()) for axis in (0, 1)] == [26, 26]


def test_a_file_that_holds_no_lens_is_refused(lens, tmp_path):
    save_network(lens, tmp_path / "lens.safetensors")
    assert torch.allclose(load_lens(tmp_path / "lens.safetensors")(faces()), lens(faces()), atol=1e-5)
    save_network(PatchDiscriminator(), tmp_path / "other.safetensors")
    with pytest.raises(WeightsError, match=r"other.safetensors does not hold a lens: no tensor layers.0.weight"):
        load_lens(tmp_path / "other.safetensors")
