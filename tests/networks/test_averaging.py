import pytest
import torch
from torch import nn

from expressions.networks.averaging import ema_update, estimate_statistics
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


def test_statistics_need_a_whole_batch():
    with pytest.raises(ValueError, match="estimated on at least 250 latents, got 249"):
        estimate_statistics(Generator(width=4), torch.zeros(249, 100))
