import dataclasses
import math
import shutil

import pytest
import torch
from PIL import Image
from toy_trainings import TWO_STEPS, checkpoint, statistics

from expressions.attributes import CELEBA_ATTRIBUTES
from expressions.networks.classifier import AttributeClassifier, save_classifier
from expressions.training.guides import load_guides
from expressions.training.replay import Replay
from expressions.training.run_folder import CHECKPOINT, RunError
from expressions.training.state import MAX_ROLLBACKS, TrainState


@pytest.fixture
def state():
    return TrainState(TWO_STEPS, torch.device("cpu"))


def test_a_rollback_draws_other_numbers(state, tmp_path):
    state.save(tmp_path)
    draws = [torch.rand(1, generator=state.random).item()]
    for _ in range(MAX_ROLLBACKS):
        state.roll_back(tmp_path)
        draws.append(torch.rand(1, generator=state.random).item())
    assert len(set(draws)) == len(draws)


def test_an_infinite_weight_is_noticed(state):
    assert state.is_finite()
    with torch.no_grad():
        next(state.discriminator.parameters())[0, 0, 0, 0] = math.inf
    assert not state.is_finite()


def test_a_state_that_is_loaded_forgets_what_was_recorded(state, finished):
    state.replays[False] = Replay(state.random)
    state.load(finished)
    assert not state.replays


def test_a_checkpoint_from_before_may_hold_more(state, finished, tmp_path):
    torch.save(checkpoint(finished) | {"best_distance": 1.0, "best_step": 1}, tmp_path / CHECKPOINT)
    state.load(tmp_path)
    assert state.step == 2


def test_a_checkpoint_of_another_kind_of_device_goes_on_with_other_numbers(run, finished, tmp_path):
    shutil.copytree(finished, tmp_path / "run")
    random = torch.zeros(16, dtype=torch.uint8)  # as long as a CUDA generator's
    torch.save(checkpoint(finished) | {"random": [random]}, tmp_path / "run" / CHECKPOINT)
    run(tmp_path / "run", kimg=0.012, resume=True)
    assert [line["step"] for line in statistics(tmp_path / "run")] == [1, 2, 3]


def test_a_checkpoint_is_one_of_the_same_classifiers(classifier, tmp_path):
    path = tmp_path / "classifier.safetensors"
    shutil.copy(classifier, path)
    config = dataclasses.replace(TWO_STEPS, classifiers=str(path))
    TrainState(config, torch.device("cpu"), load_guides(config)).save(tmp_path)
    config = dataclasses.replace(config, classifiers=f"{tmp_path}/./{path.name}")
    TrainState(config, torch.device("cpu"), load_guides(config)).load(tmp_path)
    save_classifier(AttributeClassifier(len(CELEBA_ATTRIBUTES)), CELEBA_ATTRIBUTES, path)
    with pytest.raises(RunError, match=r"classifier\.safetensors is not what it was then"):
        TrainState(config, torch.device("cpu"), load_guides(config)).load(tmp_path)


def test_the_grid_shows_64_faces(finished):
    with Image.open(finished / "fakes-000002.png") as picture:
        assert picture.size == (8 * 64, 8 * 64)
