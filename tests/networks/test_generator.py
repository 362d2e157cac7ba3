import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from expressions import WeightsError
from expressions.networks.files import save_network
from expressions.networks.generator import Generator, load_generator


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


def test_a_file_tells_the_sizes_of_its_generator(tmp_path):
    generator = Generator(z_dim=20, width=4, directions=3)
    save_network(generator, tmp_path / "generator.safetensors")
    again = load_generator(tmp_path / "generator.safetensors")
    assert (again.z_dim, again.width, len(again.directions)) == (20, 4, 3)
    state = generator.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in again.state_dict().items())
    assert again.layers[0].out_channels == 48
    assert not again.training


def test_a_missing_generator_is_named(tmp_path):
    with pytest.raises(WeightsError, match=r"nothing.safetensors does not hold a generator: No such file"):
        load_generator(tmp_path / "nothing.safetensors")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"directions": None}, "no layers.0.weight and directions of a generator"),
        ({"directions": torch.zeros(3)}, "no layers.0.weight and directions of a generator"),
        ({"layers.0.weight": torch.zeros(100, 1, 4, 4)}, "width must be"),
        ({"layers.24.bias": None}, "no tensor layers.24.bias"),
        ({"layers.24.bias": torch.zeros(4)}, r"tensor layers.24.bias must have shape \(3,\), got \(4,\)"),
        ({"layers.24.bias": torch.full((3,), torch.nan)}, "tensor layers.24.bias holds numbers that are not finite"),
        ({"more": torch.zeros(1)}, "unknown tensor more"),
    ],
)
def test_a_file_that_holds_no_generator_is_named(tmp_path, changes, reason):
    tensors = Generator(width=4).state_dict() | changes
    path = tmp_path / "broken.safetensors"
    save_file({name: tensor for name, tensor in tensors.items() if tensor is not None}, path)
    with pytest.raises(WeightsError, match=rf"broken.safetensors does not hold a generator: {reason}"):
        load_generator(path)


def test_latents_become_faces_in_range(generator):
    faces = generator(torch.rand(3, 100) * 2 - 1)
    assert faces.shape == (3, 3, 64, 64)
    assert faces.abs().max() <= 1


def test_every_latent_number_reaches_the_picture(generator):
    z = (torch.rand(1, 100) * 2 - 1).requires_grad_()
    generator(z).square().sum().backward()
    assert (z.grad != 0).all()


def test_balanced_upsampling_leaves_flat_ground_flat_and_half_a_share_goes_half_the_way():
    torch.manual_seed(0)
    generator = Generator(width=4)
    upsampling = [layer for layer in generator.layers if getattr(layer, "stride", 1) == (2, 2)]
    assert len(upsampling) == 4

    def spreads():
        grounds = [layer(torch.ones(1, layer.in_channels, 8, 8))[:, :, 2:-2, 2:-2] for layer in upsampling]
        return torch.stack([ground.std((2, 3)).mean() for ground in grounds])

    grids = spreads()
    generator.balance_(0.5)
    torch.testing.assert_close(spreads(), grids / 2)
    generator.balance_(1.0)
    assert (spreads() < 1e-6).all()
