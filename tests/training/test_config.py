import pytest

from expressions.training.config import TrainConfig


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kimg": 0}, "kimg must be a number above 0, got 0"),
        ({"kimg": 10**400}, "kimg must be a number above 0, got 1000"),
        ({"kimg": float("inf")}, "kimg must be a number above 0, got inf"),
        ({"seed": -1}, "seed must be a number of at least 0, got -1"),
        ({"seed": 2**32}, "seed must be at most 4294967295, got 4294967296"),
        ({"g_width": 257}, "g_width must be at most 256, got 257"),
        ({"g_lr": float("nan")}, "g_lr must be a number above 0, got nan"),
        ({"batch_size": 1}, "batch_size must be a number of at least 2, got 1"),
        ({"batch_size": 5, "classifiers": "a"}, "batch_size must be a multiple of 2 where edits are trained, got 5"),
        ({"batch_size": 8, "classifiers": "a,b,c"}, "batch_size must be at least 12 for 3 classifiers, got 8"),
        ({"beta1": 1.0}, "beta1 must be below 1, got 1.0"),
        ({"cooldown": float("nan")}, "cooldown must be a number of at least 0, got nan"),
        ({"cooldown": 1.5}, "cooldown must be at most 1, got 1.5"),
        ({"classifiers": "a.safetensors,"}, "classifiers must be values separated by commas, none of them empty, got"),
        ({"backbone": ""}, "backbone must be values separated by commas, none of them empty, got ''"),
        ({"pixels_weight": 0.0, "backbone": "none"}, "pixels_weight 0 leaves no discriminator: give backbone or"),
        ({"device": "tpu"}, "device must be one of auto, cpu, cuda, mps, got 'tpu'"),
        ({"tracker": "paper"}, "tracker must be one of none, tensorboard, trackio, got 'paper'"),
    ],
)
def test_options_that_make_no_sense_are_refused_by_name(changes, message):
    with pytest.raises(ValueError, match=message):
        TrainConfig(**changes)


def test_a_batch_must_be_shared_by_all_processes():
    TrainConfig().check_processes(4)
    with pytest.raises(ValueError, match="batch_size must be a multiple of 3 for 3 processes, got 32"):
        TrainConfig().check_processes(3)
    with pytest.raises(ValueError, match="batch_size must be a multiple of 4 for 2 processes, got 66"):
        TrainConfig(batch_size=66, classifiers="a").check_processes(2)
