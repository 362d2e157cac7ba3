import sys
from types import SimpleNamespace

import pytest


@pytest.mark.parametrize("tracker", ["tensorboard", "trackio"])
def test_a_tracker_that_is_not_installed_is_named(run, tmp_path, monkeypatch, tracker):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard" if tracker == "tensorboard" else tracker, None)
    with pytest.raises(ValueError, match=f"{tracker} is not installed"):
        run(tmp_path, tracker=tracker)
    assert not list(tmp_path.iterdir())


def test_a_resumed_training_goes_on_with_its_run_of_trackio(run, tmp_path, monkeypatch):
    begun, logged = [], []
    trackio = SimpleNamespace(
        init=lambda **options: begun.append(options), log=lambda record, step: logged.append((step, record["step"]))
    )
    monkeypatch.setitem(sys.modules, "trackio", trackio)
    run(tmp_path, tracker="trackio", kimg=0.004)
    run(tmp_path, tracker="trackio", kimg=0.008, resume=True)
    assert [(options["name"], options["resume"]) for options in begun] == [
        (tmp_path.name, "never"),
        (tmp_path.name, "allow"),
    ]
    assert logged == [(1, 1), (2, 2)]
