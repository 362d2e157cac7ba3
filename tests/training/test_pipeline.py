import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import train
from expressions.training.options import from_flags
from expressions.training.pipeline import STAGES, PipelineConfig, describe, plan, run_all, run_python


@pytest.fixture
def config(tmp_path):
    (tmp_path / "kept").mkdir()
    return PipelineConfig(data="some faces", runs=str(tmp_path), kept=str(tmp_path / "kept"))


def states(config):
    return {stage.name: state for stage, state, _ in plan(config)}


class Stub:
    """In the place of Python: notes what it is to run, leaves its last file, and fails in one stage."""

    def __init__(self, config, fails=""):
        self.config, self.fails, self.ran = config, fails, {}

    def __call__(self, arguments):
        name = Path(arguments[arguments.index("--out") + 1]).name
        self.ran[name] = arguments
        if name == self.fails:
            return 3
        (stage,) = (stage for stage in STAGES if stage.name == name)
        stage.last_file(self.config).parent.mkdir(exist_ok=True)
        stage.last_file(self.config).touch()
        return 0


@pytest.mark.parametrize(("size", "length"), [("cpu", 300), ("gpu", 10_000)])
def test_every_stage_is_a_command_with_options_that_it_takes(size, length):
    configs = {}
    for stage, _, (script, *arguments) in plan(PipelineConfig(data="here", runs="there", size=size, kept="none")):
        if script == "train.py":
            parsed = train.make_parser().parse_args(arguments)
            configs[stage.name] = from_flags(train.COMMANDS[parsed.command][0], parsed)
        else:
            module, *options = arguments
            assert script == "-m"
            assert Path(f"{module.replace('.', '/')}.py").is_file()
            assert options[:4] == ["--data", "here", "--weights", "there/editor"]
    assert configs["gan"].kimg == length
    assert configs["student"].teachers == configs["gan"].classifiers


def test_only_the_training_of_the_generator_goes_on_from_given_weights():
    steps = plan(PipelineConfig(data="here", start="owner/weights", kept="none"))
    given = {stage.name: "owner/weights" in arguments for stage, _, arguments in steps}
    assert [name for name, is_given in given.items() if is_given] == ["gan"]


def test_every_stage_needs_only_what_comes_before():
    before = set()
    for stage in STAGES:
        assert set(stage.needs) <= before
        before.add(stage.name)
    assert STAGES[-3].needs == ["gan", "student", "lens"]


def test_what_is_finished_is_not_run_again(config):
    first, second = Stub(config), Stub(config)
    run_all(config, first)
    assert list(first.ran) == [stage.name for stage in STAGES]
    assert "--resume" not in first.ran["gan"]
    run_all(config, second)
    assert second.ran == {}
    assert set(states(config).values()) == {"finished"}


def test_what_needs_something_newer_is_run_again(config):
    run_all(config, Stub(config))
    (student,) = (stage.last_file(config) for stage in STAGES if stage.name == "student")
    os.utime(student, (2e9, 2e9))  # in 2033
    again = Stub(config)
    run_all(config, again)
    assert list(again.ran) == ["editor", "quality.json", "editing.json"]


def test_a_training_that_was_stopped_goes_on_and_all_that_needs_it_is_made_after_it(config, tmp_path):
    run_all(config, Stub(config))
    (last,) = (tmp_path / "gan").glob("fakes-*.png")
    last.rename(last.with_name("fakes-000100.png"))
    (tmp_path / "gan" / "checkpoint.pt").touch()
    found = states(config)
    assert (found["teacher2"], found["gan"], found["student"]) == ("finished", "resumes", "runs")
    assert "gan: resumes, 3 hours" in describe(config)
    again = Stub(config)
    run_all(config, again)
    assert list(again.ran) == ["gan", "student", "lens", "editor", "quality.json", "editing.json"]
    assert [name for name in again.ran if "--resume" in again.ran[name]] == ["gan"]


def test_what_was_kept_is_not_fitted_and_is_what_later_stages_are_given(config, tmp_path):
    kept = tmp_path / "kept" / "teacher2"
    kept.mkdir()
    (kept / "recipe.json").write_text('{"network": "classifier.safetensors"}')
    (kept / "classifier.safetensors").touch()
    assert "teacher2: kept\n" in describe(config)
    stub = Stub(config)
    run_all(config, stub)
    assert "teacher2" not in stub.ran
    classifiers = stub.ran["gan"][stub.ran["gan"].index("--classifiers") + 1].split(",")
    assert classifiers[:2] == [f"{tmp_path / 'teacher1'}/classifier.safetensors", f"{kept}/classifier.safetensors"]
    assert states(config)["gan"] == "finished"


@pytest.mark.parametrize(
    ("recipe", "reason"), [("", "is no recipe of a kept network"), ('{"network": "a"}', "teacher2/a is missing")]
)
def test_what_was_kept_but_cannot_be_used_is_named_before_anything_runs(config, tmp_path, recipe, reason):
    (tmp_path / "kept" / "teacher2").mkdir()
    (tmp_path / "kept" / "teacher2" / "recipe.json").write_text(recipe)
    with pytest.raises(ValueError, match=reason):
        run_all(config, Stub(config))
    with pytest.raises(ValueError, match="kept must be a folder, or none, got 'wieghts'"):
        PipelineConfig(kept="wieghts")


def test_a_stage_that_fails_ends_it_by_name(config):
    stub = Stub(config, fails="gan")
    with pytest.raises(ChildProcessError, match="stage gan ended with exit status 3"):
        run_all(config, stub)
    assert list(stub.ran)[-1] == "gan"
    assert states(config)["teacher2"] == "finished"


def test_the_same_folder_with_another_size_is_not_taken_as_finished(config):
    run_all(config, Stub(config))
    found = states(replace(config, size="gpu"))
    assert (found["teacher1"], found["gan"]) == ("finished", "runs")


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize(("signum", "status"), [("SIGTERM", 7), ("SIGINT", 0)])
def test_a_command_may_save_before_it_ends(signum, status):
    child = (
        "import os, signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))\n"
        f"os.kill(os.getppid(), signal.{signum})\n"
        "time.sleep(0.5)"
    )
    assert run_python(["-c", child]) == status
