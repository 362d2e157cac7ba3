import pytest
import torch
from torch import nn

from expressions import WeightsError
from expressions.networks.averaging import ema_update, estimate_statistics, mean_generator
from expressions.networks.files import save_network
from expressions.networks.generator import Generator


def test_the_average_equals_a_hand_loop_batch_norm_included():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    average = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    expected = {name: value.clone() for name, value in average.state_dict().items()}
    for _ in range(3):
        model(torch.randn(8, 3))
        with torch.no_grad():
            model[0].weight += 1
        ema_update(average, model, torch.tensor(0.25))
        for name, value in model.state_dict().items():
            expected[name] = 0.75 * expected[name] + 0.25 * value if value.is_floating_point() else value.clone()
    assert all(torch.allclose(average.state_dict()[name], expected[name], atol=1e-6) for name in expected)
    assert average[1].num_batches_tracked == 3


def test_the_mean_of_generators_is_that_of_every_weight_and_statistic(tmp_path):
    paths, states = [], []
    for seed in range(3):
        torch.manual_seed(seed)
        generator = Generator(width=4)
        generator(torch.rand(4, 100) * 2 - 1)  # moves the batch-norm statistics
        paths.append(tmp_path / f"{seed}.safetensors")
        save_network(generator, paths[-1])
        states.append(generator.state_dict())
    for name, value in mean_generator(paths).state_dict().items():
        if value.is_floating_point():
            assert torch.allclose(value, torch.stack([state[name] for state in states]).mean(0), atol=1e-6)
    assert all(torch.equal(value, states[0][name]) for name, value in mean_generator(paths[:1]).state_dict().items())


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"width": 4, "directions": 2}, r"other\.safetensors has 2 directions, .* has 0"),
        ({"width": 8}, r"other\.safetensors has 8 feature maps at 64x64, .* has 4"),
    ],
)
def test_generators_of_other_sizes_have_no_mean(tmp_path, sizes, message):
    paths = [tmp_path / "first.safetensors", tmp_path / "other.safetensors"]
    for path, generator in zip(paths, (Generator(width=4), Generator(**sizes)), strict=True):
        save_network(generator, path)
    with pytest.raises(WeightsError, match=message):
        mean_generator(paths)


def test_statistics_need_a_whole_batch():
    with pytest.raises(ValueError, match="estimated on at least 250 latents, got 249"):
        estimate_statistics(Generator(width=4), torch.zeros(249, 100))
