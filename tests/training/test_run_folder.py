import json
import shutil

import pytest
from toy_trainings import checkpoint, equal, statistics, tensors

from expressions.training.config import TrainConfig
from expressions.training.run_folder import (
    CHECKPOINT,
    GENERATOR,
    OPTIONS,
    PREVIOUS,
    STATS,
    RunError,
    append_statistics,
    check_options,
    check_unused,
    save_checkpoint,
    write_options,
)


def test_a_run_is_not_overwritten(run, finished):
    before = (finished / CHECKPOINT).read_bytes()
    with pytest.raises(RunError, match="already holds a run.*--resume"):
        run(finished)
    assert (finished / CHECKPOINT).read_bytes() == before


@pytest.mark.parametrize("name", [GENERATOR, STATS])
def test_what_a_run_left_without_its_checkpoint_is_not_overwritten(run, tmp_path, name):
    (tmp_path / name).write_text("left")
    with pytest.raises(RunError, match=f"already holds {name}, which a run would replace.*--out"):
        run(tmp_path)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [(name, "left")]


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", tmp_path / "file/run"):
        with pytest.raises(RunError, match=rf"cannot make the run folder {out}: .*file is not a folder"):
            check_unused(out)


def test_a_run_from_before_there_was_an_option_goes_on_with_its_default(run, finished, tmp_path):
    shutil.copytree(finished, tmp_path / "run")
    path = tmp_path / "run" / OPTIONS
    saved = json.loads(path.read_text())
    path.write_text(json.dumps({name: saved[name] for name in saved if name != "gamma"}))
    run(tmp_path / "run", resume=True)
    with pytest.raises(RunError, match=r"gamma=0.3 \(now 0.4\)"):
        run(tmp_path / "run", resume=True, gamma=0.4)


@pytest.mark.parametrize("written", ["d/", "./d", "e/../d", "absolute"])
def test_a_path_that_is_written_otherwise_is_the_same_option(tmp_path, monkeypatch, written):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "e").mkdir()
    write_options(tmp_path / "run", TrainConfig(data="d", classifiers="d/a,d/b"))
    data = str(tmp_path / "d") if written == "absolute" else written
    check_options(tmp_path / "run", TrainConfig(data=data, classifiers=f"{data}/a, {data}/b"))
    for other in ({"data": "e", "classifiers": "d/a,d/b"}, {"data": "d", "classifiers": "d/b,d/a"}):
        with pytest.raises(RunError, match="was started with (data='d'|classifiers='d/a,d/b')"):
            check_options(tmp_path / "run", TrainConfig(**other))


def test_there_must_be_something_to_resume(run, finished, tmp_path):
    with pytest.raises(RunError, match=r"nothing to resume: .*options\.json"):
        run(tmp_path, resume=True)
    shutil.copy(finished / OPTIONS, tmp_path)
    with pytest.raises(RunError, match=r"nothing to resume: .*checkpoint\.pt does not exist"):
        run(tmp_path, resume=True)


def test_a_broken_checkpoint_is_named(run, finished, tmp_path):
    shutil.copytree(finished, tmp_path / "run")
    path = tmp_path / "run" / CHECKPOINT
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(RunError, match=r"checkpoint.pt is not a checkpoint.*go on from .*checkpoint-previous.pt"):
        run(tmp_path / "run", resume=True)


def test_a_kill_between_the_two_renamings_leaves_the_checkpoint_before(run, finished, tmp_path):
    run(tmp_path, kimg=0.004)
    (tmp_path / CHECKPOINT).replace(tmp_path / PREVIOUS)
    run(tmp_path, resume=True)
    assert equal(tensors(tmp_path), tensors(finished))


def test_two_checkpoints_are_kept(tmp_path):
    for step in (1, 2, 3):
        save_checkpoint(tmp_path, {"step": step})
    assert checkpoint(tmp_path)["step"] == 3
    (tmp_path / PREVIOUS).replace(tmp_path / CHECKPOINT)
    assert checkpoint(tmp_path)["step"] == 2


def test_statistics_of_later_steps_are_dropped(tmp_path):
    for step in (1, 2, 99, 2, 3):
        append_statistics(tmp_path, {"step": step})
    assert [line["step"] for line in statistics(tmp_path)] == [1, 2, 3]
