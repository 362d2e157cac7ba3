import contextlib
import dataclasses
import itertools
import json
import math
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from toy_trainings import TWO_STEPS, checkpoint, equal, statistics, tensors

from expressions.attributes import SLIDERS
from expressions.training.config import TrainConfig
from expressions.training.loop import Training
from expressions.training.losses import d_relativistic_loss
from expressions.training.run_folder import CHECKPOINT, GENERATOR, RunError
from expressions.training.state import MAX_ROLLBACKS, TrainState

ROOT = Path(__file__).parents[2]
PATIENCE = 300  # seconds for a few steps, whose checkpoints a busy disk writes slowly


def test_two_steps_write_exactly_these_files(finished):
    assert sorted(path.name for path in finished.iterdir()) == [
        "checkpoint-previous.pt",
        "checkpoint.pt",
        "fakes-000000.png",
        "fakes-000001.png",
        "fakes-000002.png",
        "generator.safetensors",
        "options.json",
        "stats.jsonl",
    ]
    options = json.loads((finished / "options.json").read_text())
    assert TrainConfig(**options) == dataclasses.replace(TWO_STEPS, out=str(finished))


def test_the_statistics_have_one_line_a_tick(finished):
    lines = statistics(finished)
    assert [line["step"] for line in lines] == [1, 2]
    assert lines[-1]["kimg"] == 0.008
    assert all(line[name] > 0 for line in lines for name in ("d_loss", "g_loss", "fd_random", "images_per_second"))
    assert all(line["edit_loss"] == 0 for line in lines)


# Going on ---------------------------------------------------------------------------------------------


def test_a_resumed_run_ends_as_one_that_never_stopped(run, finished, tmp_path):
    run(tmp_path, kimg=0.004)
    run(tmp_path, resume=True)
    assert equal(tensors(tmp_path), tensors(finished))
    assert equal(checkpoint(tmp_path)["discriminator"], checkpoint(finished)["discriminator"])
    assert [line["step"] for line in statistics(tmp_path)] == [line["step"] for line in statistics(finished)]


@pytest.mark.slow
def test_a_training_with_guides_ends_when_resumed_as_one_that_never_stopped(run, classifier, tmp_path):
    options = {"classifiers": f"{classifier},{classifier}", "batch_size": 8, "kimg": 0.016}
    run(tmp_path / "whole", **options)
    run(tmp_path / "parts", **options | {"kimg": 0.008})
    run(tmp_path / "parts", **options, resume=True)
    assert equal(tensors(tmp_path / "whole"), tensors(tmp_path / "parts"))


def test_options_of_another_run_are_refused_by_name(run, finished):
    with pytest.raises(RunError, match=rf"g_lr={TWO_STEPS.g_lr} \(now 0.1\)"):
        run(finished, resume=True, g_lr=0.1)


# What can go wrong on the way ---------------------------------------------------------------------------

# A run in a process of its own: its options, and the largest file in bytes that it may write, or 0.
PROCESS = """
import json, resource, sys
sys.path.insert(0, "tests")
import torch
from toy_trainings import toy_images
from expressions.training.config import TrainConfig
from expressions.training.loop import Training
from expressions.training.metrics import Probe

Probe.COUNT = 16
if int(sys.argv[2]):
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
torch.set_num_threads(1)
Training(TrainConfig(**json.loads(sys.argv[1]))).run(toy_images())
"""


def start_process(folder, largest_file=0, **changes):
    resume = any(folder.glob("checkpoint*.pt"))
    options = dataclasses.asdict(dataclasses.replace(TWO_STEPS, out=str(folder), resume=resume, **changes))
    command = [sys.executable, "-c", PROCESS, json.dumps(options), str(largest_file)]
    return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_a_run_killed_at_random_moments_ends_in_the_same_weights(tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    end = {"kimg": 0.128}  # 32 steps
    start_process(whole, **end).communicate(timeout=PATIENCE)
    kills = 0
    for _ in range(4):
        started = time.monotonic()
        process = start_process(killed, **end)
        before = modified(killed)
        while process.poll() is None and modified(killed) == before and time.monotonic() - started < PATIENCE:
            time.sleep(0.01)  # until it has written something
        time.sleep(torch.rand(1).item())
        process.kill()
        process.communicate()
        kills += process.returncode == -signal.SIGKILL
    assert kills
    start_process(killed, **end).communicate(timeout=PATIENCE)
    assert equal(tensors(killed), tensors(whole))
    assert [line["step"] for line in statistics(killed)] == list(range(1, 33))


def modified(folder):
    times = {}
    for path in folder.glob("*"):
        with contextlib.suppress(FileNotFoundError):  # a temporary file, which has its name by now
            times[path] = path.stat().st_mtime_ns
    return times


@pytest.mark.slow
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_before_the_exit(tmp_path, signum):
    process = start_process(tmp_path, kimg=10, tick_kimg=10)
    deadline = time.monotonic() + PATIENCE
    while not (tmp_path / GENERATOR).exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(1)
    process.send_signal(signum)
    process.communicate(timeout=PATIENCE)
    assert process.returncode == 128 + signum
    state = TrainState(TWO_STEPS, torch.device("cpu"))
    state.load(tmp_path)
    assert state.step >= 1


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="limits on files are POSIX's")
def test_a_full_disk_is_told_and_leaves_what_was_saved(run, tmp_path):
    run(tmp_path, kimg=0.004)
    before = {name: (tmp_path / name).read_bytes() for name in (CHECKPOINT, GENERATOR)}
    process = start_process(tmp_path, largest_file=len(before[CHECKPOINT]) // 2)  # fails as on a full disk
    message = process.communicate(timeout=PATIENCE)[1].splitlines()[-1]
    assert process.returncode == 1
    assert f"OSError: cannot write {tmp_path / CHECKPOINT}" in message
    assert "what was saved before is intact" in message
    assert {name: (tmp_path / name).read_bytes() for name in before} == before
    assert not list(tmp_path.glob("*.tmp"))


def spoil(monkeypatch, times):
    """Make the discriminator's loss NaN in so many steps."""
    left = itertools.count(times, -1)

    def loss(real, fake):
        return d_relativistic_loss(real, fake) * (math.nan if next(left) > 0 else 1)

    monkeypatch.setattr("expressions.training.adversaries.d_relativistic_loss", loss)


def test_a_loss_that_is_not_finite_rolls_back_to_lower_rates(run, tmp_path, monkeypatch, capfd):
    run(tmp_path, kimg=0.004)
    spoil(monkeypatch, times=2)
    run(tmp_path, resume=True)
    told = capfd.readouterr()
    assert "not finite after step 2: back to step 1, learning rates divided by 2 (rollback 1 of 3)" in told.out
    assert "learning rates divided by 4 (rollback 2 of 3)" in told.out
    assert checkpoint(tmp_path)["rollbacks"] == 2
    assert checkpoint(tmp_path)["g_optimizer"]["param_groups"][0]["lr"] == TWO_STEPS.g_lr / 4
    assert all(tensor.isfinite().all() for tensor in tensors(tmp_path).values())
    assert [line["step"] for line in statistics(tmp_path)] == [1, 2]


@pytest.mark.parametrize("what", ["loss", "weight"])
def test_what_stays_not_finite_stops_the_run_and_keeps_the_checkpoint(run, tmp_path, monkeypatch, what):
    run(tmp_path, kimg=0.004)
    before = (tmp_path / CHECKPOINT).read_bytes()
    if what == "loss":
        spoil(monkeypatch, times=MAX_ROLLBACKS + 1)
    else:
        monkeypatch.setattr(TrainState, "is_finite", lambda state: state.step < 2)
    with pytest.raises(FloatingPointError, match=r"not finite after step 2, and 3 rollbacks .*intact"):
        run(tmp_path, resume=True)
    assert (tmp_path / CHECKPOINT).read_bytes() == before


def test_a_run_goes_on_only_with_the_faces_that_it_began_with(images, finished, tmp_path):
    shutil.copytree(finished, tmp_path / "run")
    config = dataclasses.replace(TWO_STEPS, out=str(tmp_path / "run"), kimg=0.012, resume=True)
    for other, told in ((images[:12], "16 faces.*now 12 faces"), (images.flip(0), "now 16 faces")):
        before = (tmp_path / "run" / CHECKPOINT).read_bytes()
        with pytest.raises(RunError, match=f"was started with other data: .*{told}"):
            Training(config).run(other)
        assert (tmp_path / "run" / CHECKPOINT).read_bytes() == before
    old = {name: value for name, value in checkpoint(finished).items() if name != "faces"}
    torch.save(old, tmp_path / "run" / CHECKPOINT)  # from before this was noted
    Training(config).run(images)
    assert checkpoint(tmp_path / "run")["faces"] == checkpoint(finished)["faces"]


# Edits -----------------------------------------------------------------------------------------------


def test_a_training_with_edits_teaches_a_direction_for_each_slider(run, finished, classifier, tmp_path):
    run(tmp_path, classifiers=str(classifier), start=str(finished))
    assert tensors(tmp_path)["directions"].shape == (len(SLIDERS), 100)
    assert all(line["edit_loss"] > 0 for line in statistics(tmp_path))
