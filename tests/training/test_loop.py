import contextlib
import dataclasses
import itertools
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from PIL import Image

from expressions import Editor
from expressions.attributes import CELEBA_ATTRIBUTES, SLIDERS
from expressions.files import RunError, write_atomically
from expressions.images import to_unit
from expressions.networks.classifier import AttributeClassifier, save_classifier
from expressions.networks.generator import load_generator
from expressions.networks.identity import IdentityEmbedding, save_identity
from expressions.training import augmentation
from expressions.training import state as training
from expressions.training.config import TrainConfig
from expressions.training.guides import load_guides
from expressions.training.loop import check_ready, train
from expressions.training.losses import d_relativistic_loss
from expressions.training.metrics import Probe
from expressions.training.replay import Replay
from expressions.training.run_folder import BEST, CHECKPOINT, GENERATOR, OPTIONS, PREVIOUS, STATS, save_checkpoint
from expressions.training.state import MAX_ROLLBACKS, TrainState
from expressions.training.step import ema_decay, lr_factor, train_step

ROOT = Path(__file__).parents[2]
PATIENCE = 300  # seconds for a few steps, whose checkpoints a busy disk writes slowly
TWO_STEPS = TrainConfig(
    kimg=0.008,
    tick_kimg=0.004,
    g_width=4,
    d_width=8,
    batch_size=4,
    penalty_batch=2,
    ema_kimg=0.004,
    cooldown=0,
    max_shift=1,
    device="cpu",
    precision="fp32",
)


@pytest.fixture(scope="module")
def images():
    return torch.randint(0, 256, (16, 3, 64, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def classifier(tmp_path_factory):
    """The path of a classifier of all attributes that was never fitted."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("classifier") / "classifier.safetensors"
    save_classifier(AttributeClassifier(len(CELEBA_ATTRIBUTES)), CELEBA_ATTRIBUTES, path)
    return path


def run(images, folder, **changes):
    return train(dataclasses.replace(TWO_STEPS, out=str(folder), **changes), images)


@pytest.fixture(scope="module")
def finished(images, tmp_path_factory):
    """The folder of a run of two steps."""
    folder = tmp_path_factory.mktemp("run")
    run(images, folder)
    return folder


def tensors(path):
    return load_generator(path / GENERATOR).state_dict()


def kernels(folder):
    return [tensor for tensor in tensors(folder).values() if tensor.dim() == 4]


def equal(left, right):
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


def test_two_steps_write_exactly_these_files(finished):
    assert sorted(path.name for path in finished.iterdir()) == [
        "checkpoint-best.pt",
        "checkpoint-previous.pt",
        "checkpoint.pt",
        "fakes-000000.png",
        "fakes-000001.png",
        "fakes-000002.png",
        "generator.safetensors",
        "options.json",
        "stats.jsonl",
    ]


def test_the_statistics_have_one_line_a_tick(finished):
    lines = statistics(finished)
    assert [line["step"] for line in lines] == [1, 2]
    assert lines[-1]["kimg"] == 0.008
    assert all(line["d_loss"] > 0 and line["g_loss"] > 0 and line["images_per_second"] > 0 for line in lines)


def test_the_best_checkpoint_is_the_one_of_the_lowest_distance(images, tmp_path, monkeypatch):
    distances = iter([5.0, 3.0, 4.0])
    monkeypatch.setattr("expressions.training.metrics.Probe.__call__", lambda *_: next(distances))
    run(images, tmp_path, kimg=0.012)
    assert [line["fd_random"] for line in statistics(tmp_path)] == [5, 3, 4]
    assert torch.load(tmp_path / BEST, weights_only=True)["step"] == 2
    (tmp_path / BEST).unlink()
    (tmp_path / CHECKPOINT).unlink()
    monkeypatch.undo()
    for _ in range(2):  # from step 2, as after a kill before the best was kept; then with nothing left to do
        run(images, tmp_path, kimg=0.008, resume=True)
        assert torch.load(tmp_path / BEST, weights_only=True)["step"] == 2
        assert not list(tmp_path.glob("*.new"))


def test_the_best_is_kept_on_file_systems_without_links(images, tmp_path, monkeypatch):
    def refuse(*_arguments):
        raise OSError("no links here")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    run(images, tmp_path, kimg=0.004)
    assert (tmp_path / BEST).stat().st_ino != (tmp_path / CHECKPOINT).stat().st_ino
    assert torch.load(tmp_path / BEST, weights_only=True)["step"] == 1


def test_training_faces_themselves_lie_at_distance_0(images):
    def echo(z):
        return to_unit(images).repeat(63, 1, 1, 1)[: len(z)]

    probe = Probe(images)
    assert probe(lambda z: torch.zeros(len(z), 3, 64, 64)) > 10 * probe(echo)


def test_the_rates_fall_in_a_line_to_0_at_the_end():
    config = TrainConfig(kimg=1, batch_size=100, cooldown=0.4)
    assert [lr_factor(step, config) for step in range(11)] == [1] * 7 + [0.75, 0.5, 0.25, 0]
    assert [lr_factor(step, dataclasses.replace(config, cooldown=0)) for step in range(10)] == [1] * 10


def test_the_options_are_those_of_the_run(finished):
    assert TrainConfig(**json.loads((finished / "options.json").read_text())) == dataclasses.replace(
        TWO_STEPS, out=str(finished)
    )


def test_the_grid_shows_64_faces(finished):
    with Image.open(finished / "fakes-000002.png") as picture:
        assert picture.size == (8 * 64, 8 * 64)


def test_a_resumed_run_ends_as_one_that_never_stopped(images, finished, tmp_path):
    run(images, tmp_path, kimg=0.004)
    run(images, tmp_path, resume=True)
    assert equal(tensors(tmp_path), tensors(finished))
    left, right = (torch.load(path / CHECKPOINT, weights_only=True) for path in (tmp_path, finished))
    assert equal(left["discriminator"], right["discriminator"])
    assert [line["step"] for line in statistics(tmp_path)] == [line["step"] for line in statistics(finished)]


def test_statistics_after_the_checkpoint_are_dropped_on_resume(images, tmp_path):
    run(images, tmp_path, kimg=0.004)
    with (tmp_path / "stats.jsonl").open("a") as file:
        file.write(json.dumps({"step": 99}) + "\n")
    run(images, tmp_path, resume=True)
    assert '"step": 99' not in (tmp_path / "stats.jsonl").read_text()


def test_a_run_is_not_overwritten(images, finished):
    before = (finished / CHECKPOINT).read_bytes()
    with pytest.raises(RunError, match="already holds a run.*--resume"):
        run(images, finished)
    assert (finished / CHECKPOINT).read_bytes() == before


def test_a_generator_without_its_checkpoint_is_not_overwritten(images, finished, tmp_path):
    for name in (GENERATOR, BEST, STATS):
        folder = tmp_path / name
        folder.mkdir()
        shutil.copy(finished / name, folder)
        with pytest.raises(RunError, match=f"already holds {name}, which a run would replace.*--out"):
            run(images, folder)
        assert [path.name for path in folder.iterdir()] == [name]
        assert (folder / name).read_bytes() == (finished / name).read_bytes()


def test_a_folder_that_cannot_be_made_is_told_before_the_data_are_read(tmp_path):
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", tmp_path / "file/run"):
        with pytest.raises(RunError, match=rf"cannot make the run folder {out}: .*file is not a folder"):
            check_ready(dataclasses.replace(TWO_STEPS, out=str(out)))


def test_a_run_from_before_there_was_an_option_goes_on_with_its_default(images, finished, tmp_path):
    shutil.copytree(finished, tmp_path / "run")
    path = tmp_path / "run" / OPTIONS
    saved = json.loads(path.read_text())
    path.write_text(json.dumps({name: saved[name] for name in saved if name != "gamma"}))
    run(images, tmp_path / "run", resume=True)
    with pytest.raises(RunError, match=r"gamma=0.3 \(now 0.4\)"):
        run(images, tmp_path / "run", resume=True, gamma=0.4)


def test_changed_options_are_refused_by_name(images, finished):
    with pytest.raises(RunError, match=rf"g_lr={TWO_STEPS.g_lr} \(now 0.1\)"):
        run(images, finished, resume=True, g_lr=0.1)


def test_there_must_be_something_to_resume(images, tmp_path):
    with pytest.raises(RunError, match="nothing to resume"):
        run(images, tmp_path, resume=True)


def test_a_broken_checkpoint_is_named(images, tmp_path):
    run(images, tmp_path, kimg=0.004)
    (tmp_path / CHECKPOINT).write_bytes((tmp_path / CHECKPOINT).read_bytes()[:1000])
    with pytest.raises(RunError, match=r"checkpoint.pt is not a checkpoint.*go on from .*checkpoint-previous.pt"):
        run(images, tmp_path, resume=True)


def test_a_kill_between_the_two_renamings_leaves_the_checkpoint_before(images, tmp_path, finished):
    run(images, tmp_path, kimg=0.004)
    (tmp_path / CHECKPOINT).replace(tmp_path / PREVIOUS)
    run(images, tmp_path, resume=True)
    assert equal(tensors(tmp_path), tensors(finished))


# A run in a process of its own: its options, and the largest file in bytes that it may write, or 0.
PROCESS = """
import json, resource, sys
import torch
from expressions.training import Probe, TrainConfig, train

Probe.COUNT = 16
if int(sys.argv[2]):
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
torch.set_num_threads(1)
images = torch.randint(0, 256, (16, 3, 64, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
train(TrainConfig(**json.loads(sys.argv[1])), images)
"""


def start_process(folder, largest_file=0, **changes):
    resume = any(folder.glob("checkpoint*.pt"))
    options = dataclasses.asdict(dataclasses.replace(TWO_STEPS, out=str(folder), resume=resume, **changes))
    command = [sys.executable, "-c", PROCESS, json.dumps(options), str(largest_file)]
    return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)


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


def statistics(folder):
    return [json.loads(line) for line in (folder / STATS).read_text().splitlines()]


def spoil(monkeypatch, times):
    """Make the discriminator's loss NaN in so many steps."""
    left = itertools.count(times, -1)

    def loss(real, fake):
        return d_relativistic_loss(real, fake) * (math.nan if next(left) > 0 else 1)

    monkeypatch.setattr("expressions.training.adversaries.d_relativistic_loss", loss)


def test_a_loss_that_is_not_finite_rolls_back_to_lower_rates(images, tmp_path, monkeypatch, capfd):
    run(images, tmp_path, kimg=0.004)
    spoil(monkeypatch, times=2)
    run(images, tmp_path, resume=True)
    told = capfd.readouterr()
    assert "not finite after step 2: back to step 1, learning rates divided by 2 (rollback 1 of 3)" in told.out
    assert "learning rates divided by 4 (rollback 2 of 3)" in told.out
    checkpoint = torch.load(tmp_path / CHECKPOINT, weights_only=True)
    assert checkpoint["rollbacks"] == 2
    assert checkpoint["g_optimizer"]["param_groups"][0]["lr"] == TWO_STEPS.g_lr / 4
    assert all(tensor.isfinite().all() for tensor in tensors(tmp_path).values())
    assert [line["step"] for line in statistics(tmp_path)] == [1, 2]


def test_a_rollback_draws_other_numbers(tmp_path):
    state = TrainState(TWO_STEPS, torch.device("cpu"))
    state.save(tmp_path)
    draws = [torch.rand(1, generator=state.random).item()]
    for _ in range(MAX_ROLLBACKS):
        state.roll_back(tmp_path)
        draws.append(torch.rand(1, generator=state.random).item())
    assert len(set(draws)) == len(draws)


def test_a_weight_that_is_not_finite_is_never_saved(images, tmp_path, monkeypatch):
    run(images, tmp_path, kimg=0.004)
    before = (tmp_path / CHECKPOINT).read_bytes()
    monkeypatch.setattr(TrainState, "is_finite", lambda state: state.step < 2)
    with pytest.raises(FloatingPointError, match=r"step 2, and 3 rollbacks .*intact"):
        run(images, tmp_path, resume=True)
    assert (tmp_path / CHECKPOINT).read_bytes() == before


def test_an_infinite_weight_is_noticed():
    state = TrainState(TWO_STEPS, torch.device("cpu"))
    assert state.is_finite()
    with torch.no_grad():
        next(state.discriminator.parameters())[0, 0, 0, 0] = math.inf
    assert not state.is_finite()


def test_a_loss_that_stays_not_finite_stops_the_run_and_keeps_the_checkpoint(images, tmp_path, monkeypatch):
    run(images, tmp_path, kimg=0.004)
    before = (tmp_path / CHECKPOINT).read_bytes()
    spoil(monkeypatch, times=MAX_ROLLBACKS + 1)
    with pytest.raises(FloatingPointError, match=r"not finite after step 2, and 3 rollbacks .*intact"):
        run(images, tmp_path, resume=True)
    assert (tmp_path / CHECKPOINT).read_bytes() == before


@pytest.mark.skipif(sys.platform == "win32", reason="limits on files are POSIX's")
def test_a_full_disk_is_told_and_leaves_what_was_saved(images, tmp_path):
    run(images, tmp_path, kimg=0.004)
    before = {name: (tmp_path / name).read_bytes() for name in (CHECKPOINT, GENERATOR)}
    process = start_process(tmp_path, largest_file=len(before[CHECKPOINT]) // 2)  # fails as on a full disk
    message = process.communicate(timeout=PATIENCE)[1].splitlines()[-1]
    assert process.returncode == 1
    assert f"RunError: cannot write {tmp_path / CHECKPOINT}" in message
    assert "what was saved before is intact" in message
    assert {name: (tmp_path / name).read_bytes() for name in before} == before
    assert not list(tmp_path.glob("*.tmp"))


def test_two_checkpoints_are_kept(tmp_path):
    for step in (1, 2, 3):
        save_checkpoint(tmp_path, {"step": step})
    kept = [torch.load(tmp_path / name, weights_only=True)["step"] for name in (CHECKPOINT, PREVIOUS)]
    assert kept == [3, 2]


def test_a_write_that_fails_halfway_leaves_the_file_as_it_was(tmp_path):
    (tmp_path / "file").write_text("before")

    def half(path):
        path.write_text("ha")
        raise OSError("No space left on device")

    with pytest.raises(RunError, match=r"cannot write .*file: No space left on device; .*intact"):
        write_atomically(tmp_path / "file", half)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("file", "before")]


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_before_the_exit(tmp_path, signum):
    process = start_process(tmp_path, kimg=10, tick_kimg=10)
    deadline = time.monotonic() + 60
    while not (tmp_path / GENERATOR).exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(1)
    process.send_signal(signum)
    process.communicate(timeout=PATIENCE)
    assert process.returncode == 128 + signum
    state = TrainState(TWO_STEPS, torch.device("cpu"))
    state.load(tmp_path)
    assert state.step >= 1


def test_the_discriminator_stands_still_while_the_generator_learns(images):
    state = TrainState(TWO_STEPS, torch.device("cpu"))
    before = {name: value.clone() for name, value in state.generator.state_dict().items()}
    train_step(state, images, TWO_STEPS, None)
    assert not any(parameter.requires_grad for parameter in state.discriminator.parameters())
    assert not equal(before, state.generator.state_dict())
    # Its gradients are those of its own loss: the generator's backward pass added nothing to them.
    kept = [parameter.grad.clone() for parameter in state.discriminator.parameters()]
    logits = state.discriminator["pixels"](state.generator(torch.rand(4, 100) * 2 - 1))
    logits.sum().backward()
    assert all(torch.equal(a, p.grad) for a, p in zip(kept, state.discriminator.parameters(), strict=True))


@pytest.mark.parametrize(
    ("network", "changes"),
    [
        ("generator", {"g_lr": 1e-3}),
        ("discriminator", {"d_lr": 1e-3}),
        ("discriminator", {"beta1": 0.9}),
        ("discriminator", {"beta2": 0.9}),
        ("generator", {"cooldown": 1.0}),
        ("discriminator", {"gamma": 3.0}),
        ("discriminator", {"penalty_batch": 1}),
        ("ema", {"ema_kimg": 1e-4}),
        ("discriminator", {"max_shift": 8}),
        ("generator", {"edit_weight": 7.0}),
        ("generator", {"pixel_weight": 7.0}),
        ("generator", {"texture_weight": 2.0}),
    ],
    ids=lambda value: value if isinstance(value, str) else next(iter(value)),
)
def test_every_option_of_a_step_changes_what_is_learnt(images, classifier, network, changes):
    guided = dataclasses.replace(TWO_STEPS, classifiers=str(classifier), features=str(classifier), texture_weight=1.0)
    ends = []
    for config in (guided, dataclasses.replace(guided, **changes)):
        state = training._first_state(config, images)
        for _ in range(2):
            train_step(state, images, config, None)
        ends.append([*getattr(state, network).parameters()])
    assert not all(torch.equal(*pair) for pair in zip(*ends, strict=True))


def test_a_checkpoint_of_another_kind_of_device_goes_on_with_other_numbers(images, finished, tmp_path):
    shutil.copytree(finished, tmp_path / "run")
    checkpoint = torch.load(finished / CHECKPOINT, weights_only=True)
    checkpoint["random"] = [torch.zeros(16, dtype=torch.uint8)]  # as long as a CUDA generator's
    torch.save(checkpoint, tmp_path / "run" / CHECKPOINT)
    run(images, tmp_path / "run", kimg=0.012, resume=True)
    assert [line["step"] for line in statistics(tmp_path / "run")] == [1, 2, 3]


def test_a_state_that_is_loaded_forgets_what_was_recorded(finished):
    state = TrainState(TWO_STEPS, torch.device("cpu"))
    state.replays[False] = Replay(state.random)
    state.load(finished)
    assert not state.replays


# Edits -----------------------------------------------------------------------------------------------


def test_a_training_with_edits_teaches_a_direction_for_each_slider(images, finished, classifier, tmp_path):
    run(images, tmp_path / "edits", classifiers=str(classifier), start=str(finished))
    generator = load_generator(tmp_path / "edits" / GENERATOR)
    assert generator.directions.shape == (len(SLIDERS), 100)
    assert all(line["edit_loss"] > 0 for line in statistics(tmp_path / "edits"))
    assert all(line["edit_loss"] == 0 for line in statistics(finished))
    run(images, tmp_path / "more", classifiers=str(classifier), start=str(tmp_path / "edits"), kimg=0.004)
    more = load_generator(tmp_path / "more" / GENERATOR)
    assert 0 < (more.directions - generator.directions).abs().max() < 0.01  # it went on from the taught ones


def test_a_resumed_training_with_edits_ends_as_one_that_never_stopped(images, classifier, tmp_path):
    options = {"classifiers": f"{classifier},{classifier}", "kimg": 0.008}
    run(images, tmp_path / "whole", **options)
    run(images, tmp_path / "parts", **options | {"kimg": 0.004})
    run(images, tmp_path / "parts", **options, resume=True)
    assert equal(tensors(tmp_path / "whole"), tensors(tmp_path / "parts"))


def test_a_training_does_not_go_on_with_another_classifier_of_the_same_name(images, classifier, tmp_path):
    path = tmp_path / "classifier.safetensors"
    path.write_bytes(classifier.read_bytes())
    options = {"classifiers": str(path)}
    run(images, tmp_path / "run", **options, kimg=0.004)
    before = (tmp_path / "run" / CHECKPOINT).read_bytes()
    save_classifier(AttributeClassifier(len(CELEBA_ATTRIBUTES)), CELEBA_ATTRIBUTES, path)
    with pytest.raises(RunError, match=r"classifier\.safetensors is not what it was then"):
        run(images, tmp_path / "run", **options, resume=True)
    assert (tmp_path / "run" / CHECKPOINT).read_bytes() == before


def test_a_training_by_features_goes_on_from_one_by_pixels_and_resumes_bit_for_bit(
    images, finished, classifier, tmp_path, capfd
):
    identity = tmp_path / "identity.safetensors"
    save_identity(IdentityEmbedding(), identity)
    features = f"{classifier},{identity}"
    options = {"features": features, "texture_weight": 0.5, "start": str(finished), "kimg": 0.008}
    run(images, tmp_path / "whole", **options)
    assert f"the discriminator of features is new: {finished} has none of this kind" in capfd.readouterr().out
    run(images, tmp_path / "parts", **options | {"kimg": 0.004})
    run(images, tmp_path / "parts", **options, resume=True)
    assert equal(tensors(tmp_path / "whole"), tensors(tmp_path / "parts"))
    assert not any(
        torch.equal(old, new) for old, new in zip(*map(kernels, (finished, tmp_path / "whole")), strict=True)
    )


def test_heads_that_learnt_through_another_classifier_are_not_taken_over(images, classifier, tmp_path, capfd):
    another = tmp_path / "another.safetensors"
    torch.manual_seed(1)
    save_classifier(AttributeClassifier(len(CELEBA_ATTRIBUTES)), CELEBA_ATTRIBUTES, another)
    run(images, tmp_path / "start", features=str(classifier), kimg=0.004)
    for name, features, is_new in (("same", classifier, False), ("other", another, True)):
        run(images, tmp_path / name, features=str(features), start=str(tmp_path / "start"), kimg=0.004)
        assert ("the discriminator of features is new" in capfd.readouterr().out) == is_new


def test_features_that_cannot_be_used_are_named_before_anything_is_written(images, tmp_path):
    save_identity(IdentityEmbedding(), tmp_path / "whole")
    (tmp_path / "torn").write_bytes((tmp_path / "whole").read_bytes()[:-100])
    (tmp_path / "empty").touch()
    for name in ("torn", "missing", "empty"):
        reasons = f"{name} does not hold an attribute classifier.*{name} does not hold an identity embedding"
        with pytest.raises(ValueError, match=reasons):
            run(images, tmp_path / "run", features=f"{tmp_path / 'whole'},{tmp_path / name}")
    assert not (tmp_path / "run").exists()


def test_both_sides_of_a_step_see_real_and_generated_images_shifted(images, tmp_path, monkeypatch):
    seen = []

    def shift(given, max_shift, rng):
        seen.append((len(given), max_shift))
        return augmentation.shift(given, max_shift, rng)

    monkeypatch.setattr(training, "shift", shift)
    run(images, tmp_path, kimg=0.004, max_shift=2)
    assert seen == [(8, 2), (4, 2), (4, 2)]  # the discriminator's batch, then the generator's real and generated ones


def test_a_training_starts_with_the_networks_of_another(images, finished, tmp_path):
    first = TrainState(dataclasses.replace(TWO_STEPS, seed=5), torch.device("cpu"))
    assert first.start_from(str(finished)) == []
    assert equal(first.ema.state_dict(), tensors(finished))
    saved = torch.load(finished / CHECKPOINT, weights_only=True)["discriminator"]
    assert equal(first.discriminator.state_dict(), saved)
    assert first.step == 0
    with pytest.raises(ValueError, match="nothing-here"):
        run(images, tmp_path, start=str(tmp_path / "nothing-here"))


def test_a_start_takes_over_what_judges_the_same_and_tells_what_is_new(images, finished, classifier, tmp_path):
    another = tmp_path / "another.safetensors"
    save_classifier(AttributeClassifier(2), ["A", "B"], another)
    run(images, tmp_path / "both", features=str(classifier), texture_weight=1.0, kimg=0.004)
    editor = Editor(CELEBA_ATTRIBUTES, width=TWO_STEPS.g_width)
    editor.save_pretrained(tmp_path / "editor")
    for source, features, new in (
        (finished, classifier, ["features"]),
        (tmp_path / "both", classifier, []),
        (tmp_path / "both", another, ["features"]),
        (tmp_path / "both", None, []),
        (tmp_path / "editor", classifier, ["features", "pixels"]),
    ):
        seen = features and str(features)
        config = dataclasses.replace(TWO_STEPS, features=seen, texture_weight=1.0 if seen else 0.0, seed=5)
        state = TrainState(config, torch.device("cpu"), load_guides(classifiers=None, identity=None, features=seen))
        assert state.start_from(str(source)) == new
        for name in state.discriminator.keys() - set(new):
            saved = torch.load(source / CHECKPOINT, weights_only=True)["discriminator"]
            own = state.discriminator[name].state_dict(prefix=f"{name}.")
            assert all(torch.equal(tensor, saved[key]) for key, tensor in own.items())


def test_a_start_of_another_width_is_refused_and_of_its_discriminator_alone_a_new_one_is_told(
    images, finished, tmp_path, capfd
):
    with pytest.raises(ValueError, match="has a generator of g_width 4, the options say 8"):
        run(images, tmp_path / "run", start=str(finished), g_width=8)
    assert not (tmp_path / "run").exists()
    for name, other in (("width", {"d_width": 4}), ("kernel", {"d_kernel": 3})):
        run(images, tmp_path / name, start=str(finished), **other, kimg=0.004)
        assert f"the discriminator of pixels is new: {finished} has none of this kind" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("network", "layer"), [("generator", "layers.0.weight"), ("discriminator", "pixels.layers.0.weight")]
)
def test_a_start_of_which_a_network_lacks_a_layer_is_refused(images, finished, tmp_path, network, layer):
    checkpoint = torch.load(finished / CHECKPOINT, weights_only=True)
    del checkpoint[network][layer]
    (tmp_path / "start").mkdir()
    torch.save(checkpoint, tmp_path / "start" / CHECKPOINT)
    with pytest.raises(RunError, match=r"start does not hold these networks: .*layers\.0\.weight"):
        run(images, tmp_path / "run", start=str(tmp_path / "start"))


def test_weights_without_an_attribute_that_the_training_teaches_are_refused_by_name(images, tmp_path):
    Editor(["A", "B"]).save_pretrained(tmp_path / "editor")
    with pytest.raises(ValueError, match="editor cannot be gone on from: it has no attribute Smiling"):
        run(images, tmp_path / "run", start=str(tmp_path / "editor"))


def test_a_training_starts_with_the_weights_of_an_editor_and_the_discriminator_may_learn_first(
    images, classifier, editor, tmp_path
):
    editor.save_pretrained(tmp_path / "editor")
    options = {"start": str(tmp_path / "editor"), "classifiers": str(classifier), "g_width": 32}
    run(images, tmp_path / "led", **options, lead_kimg=0.008)
    run(images, tmp_path / "not", **options)
    start = dict(editor.generator.named_parameters())
    start["directions"] = start["directions"][[editor.attributes.index(name) for name in SLIDERS]]
    led, not_led = tensors(tmp_path / "led"), tensors(tmp_path / "not")
    assert all(torch.equal(led[name], value) for name, value in start.items())
    assert not any(torch.equal(not_led[name], value) for name, value in start.items())
    assert statistics(tmp_path / "led")[-1]["d_loss"] != statistics(tmp_path / "led")[0]["d_loss"]


def test_a_start_that_was_taught_edits_and_forgets_them_is_told(images, editor, tmp_path, capfd):
    editor.save_pretrained(tmp_path / "editor")
    run(images, tmp_path / "run", start=str(tmp_path / "editor"), g_width=32, kimg=0.004)
    assert f"{tmp_path / 'editor'} was taught edits, which a training without --classifiers" in capfd.readouterr().out
    assert len(tensors(tmp_path / "run")["directions"]) == 0


def test_while_the_discriminator_leads_the_average_stands_still_as_the_generator_does(images, finished, tmp_path):
    run(images, tmp_path / "led", start=str(finished), lead_kimg=TWO_STEPS.kimg)
    assert equal(tensors(tmp_path / "led"), tensors(finished))


def test_a_training_with_edits_may_hold_who_it_is(images, classifier, tmp_path):
    path = tmp_path / "identity.safetensors"
    torch.manual_seed(0)
    embedding = IdentityEmbedding().eval().requires_grad_(False)
    embedding.network.head[1].bias -= embedding.network(to_unit(images)).mean(0)  # so that faces differ to it
    save_identity(embedding, path)
    options = {"classifiers": str(classifier), "kimg": 0.008}
    ends = []
    for name, more in (("with", {"identity": str(path)}), ("without", {})):
        run(images, tmp_path / name, **options, **more)
        ends.append(statistics(tmp_path / name)[0]["edit_loss"])
    assert ends[0] > ends[1] > 0  # another cost, from the first step
    with pytest.raises(ValueError, match="identity belongs to the training of edits: give classifiers too"):
        TrainConfig(identity=str(path))
    with pytest.raises(ValueError, match=r"missing\.safetensors does not hold an identity embedding"):
        run(images, tmp_path / "run", classifiers=str(classifier), identity=str(tmp_path / "missing.safetensors"))


def test_classifiers_that_cannot_be_used_are_named(images, classifier, tmp_path):
    other = tmp_path / "other.safetensors"
    save_classifier(AttributeClassifier(2), ["A", "B"], other)
    with pytest.raises(ValueError, match="classifiers must score the same attributes"):
        run(images, tmp_path / "run", classifiers=f"{classifier},{other}")
    with pytest.raises(ValueError, match=r"missing\.safetensors does not hold an attribute classifier"):
        run(images, tmp_path / "run", classifiers=str(tmp_path / "missing.safetensors"))
    with pytest.raises(ValueError, match="classifiers must score Smiling, which the training teaches: .*other"):
        run(images, tmp_path / "run", classifiers=str(other))
    with pytest.raises(ValueError, match="batch_size must be even"):
        TrainConfig(classifiers=str(classifier), batch_size=5)


# The average -----------------------------------------------------------------------------------------


def test_after_the_half_life_half_of_the_average_is_left():
    config = TrainConfig(ema_kimg=1, batch_size=10)
    assert ema_decay(10**6, config) ** 100 == pytest.approx(0.5)
    assert ema_decay(10, config) < ema_decay(1000, config)


def test_an_average_that_was_trained_before_is_kept_from_the_first_step():
    config = TrainConfig(ema_kimg=1, batch_size=10, start="runs/gan")
    assert ema_decay(1, config) ** 100 == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kimg": 0}, "kimg must be a number above 0, got 0"),
        ({"kimg": 10**400}, "kimg must be a number above 0, got 1000"),
        ({"kimg": float("inf")}, "kimg must be a number above 0, got inf"),
        ({"seed": -1}, "seed must be a number of at least 0, got -1"),
        ({"seed": 2**32}, "seed must be at most 4294967295, got 4294967296"),
        ({"g_width": 257}, "g_width must be at most 256, got 257"),
        ({"d_kernel": 5}, "d_kernel must be one of 4, 3, got 5"),
        ({"d_width": 0}, "d_width must be a number above 0, got 0"),
        ({"g_lr": float("nan")}, "g_lr must be a number above 0, got nan"),
        ({"batch_size": 1}, "batch_size must be a number of at least 2, got 1"),
        ({"edit_weight": -0.5}, "edit_weight must be a number of at least 0, got -0.5"),
        ({"beta1": 1.0}, "beta1 must be at least 0 and below 1, got 1.0"),
        ({"cooldown": float("nan")}, "cooldown must be a number of at least 0, got nan"),
        ({"cooldown": 1.5}, "cooldown must be at most 1, got 1.5"),
        ({"features": "a.safetensors,"}, "paths must be separated by commas, and none empty, got 'a.safetensors,'"),
        ({"texture_weight": 1.0}, "texture_weight belongs to a discriminator that sees through features"),
        ({"max_shift": 64}, "max_shift must be at most 63, got 64"),
        ({"device": "tpu"}, "device must be one of auto, cpu, cuda, mps, got 'tpu'"),
        ({"tracker": "paper"}, "tracker must be one of none, tensorboard, trackio, got 'paper'"),
    ],
)
def test_options_that_make_no_sense_are_refused_by_name(changes, message):
    with pytest.raises(ValueError, match=message.replace("+", r"\+")):
        TrainConfig(**changes)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_a_device_that_is_not_there_is_named():
    with pytest.raises(ValueError, match="no cuda; it has .*cpu"):
        TrainConfig(device="cuda").resolve()


@pytest.mark.parametrize("tracker", ["tensorboard", "trackio"])
def test_a_tracker_that_is_not_installed_is_named(images, tmp_path, monkeypatch, tracker):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard" if tracker == "tensorboard" else tracker, None)
    with pytest.raises(ValueError, match=f"{tracker} is not installed"):
        run(images, tmp_path, tracker=tracker)
    assert os.listdir(tmp_path) == []  # noqa: PTH208


def test_a_resumed_training_goes_on_with_its_run_of_trackio(images, tmp_path, monkeypatch):
    begun, logged = [], []
    trackio = SimpleNamespace(
        init=lambda **options: begun.append(options), log=lambda record, step: logged.append((step, record["step"]))
    )
    monkeypatch.setitem(sys.modules, "trackio", trackio)
    run(images, tmp_path, tracker="trackio", kimg=0.004)
    run(images, tmp_path, tracker="trackio", kimg=0.008, resume=True)
    assert [options["name"] for options in begun] == [tmp_path.name] * 2
    assert [options["resume"] for options in begun] == ["never", "allow"]
    assert logged == [(step, step) for step in range(1, len(logged) + 1)]
    assert len(logged) == 2
