import pytest
import torch

from expressions.training.config import TrainConfig
from expressions.training.replay import Replay
from expressions.training.state import TrainState
from expressions.training.step import train_step


def test_on_the_cpu_each_call_is_a_call():
    calls = []

    def count():
        calls.append(len(calls))
        return torch.tensor(float(len(calls)))

    replay = Replay(torch.Generator())
    assert [replay(count).item() for _ in range(6)] == [1, 2, 3, 4, 5, 6]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="graphs are CUDA's")
def test_a_recorded_step_trains_as_a_step_does(monkeypatch):
    images = torch.randint(0, 256, (64, 3, 64, 64), dtype=torch.uint8, device="cuda")
    config = TrainConfig(batch_size=16, g_width=4, d_width=8, precision="fp32")

    def trained():
        state = TrainState(config, images.device)
        return state, torch.stack([train_step(state, images, config) for _ in range(8)]).cpu()

    state, recorded = trained()
    assert state.replays[False].graph is not None
    monkeypatch.setattr(Replay, "__call__", lambda _self, function: function())
    assert torch.allclose(recorded, trained()[1], rtol=1e-2)
