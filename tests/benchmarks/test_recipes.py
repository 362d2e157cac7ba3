import argparse
import itertools
import json

import pytest
import torch

from benchmarks import recipes
from benchmarks.tables import FIGURES, OUTSIDE
from expressions.networks.generator import BATCH
from expressions.training.data import FaceDataset


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Judge recipes of tiny networks after two steps; a judge counts what it is shown. Returns the rows."""
    seen = itertools.count(1)

    class Counter:
        def __init__(self, *_, **__):
            pass

        def assess(self, faces):
            assert faces.shape == (BATCH, 3, 64, 64)
            return dict.fromkeys([*FIGURES, *OUTSIDE], next(seen))

    faces = FaceDataset(torch.zeros(64, 3, 64, 64).byte(), torch.zeros(64, 0).bool(), (), torch.empty(0))
    monkeypatch.setattr(recipes, "load_faces", lambda *_, **__: faces)
    for judge in ("QualityJudge", "OutsideJudge"):
        monkeypatch.setattr(recipes, judge, Counter)
    tiny = {"g_width": 2, "d_width": 2, "backbone": "none"}
    monkeypatch.setattr(recipes, "CHANGES", {"tiny": tiny, "batch 64": {"batch_size": 64}})
    monkeypatch.setattr(recipes, "repeat", lambda step, *_: [step() for _ in range(2)] and 2)
    out = tmp_path / "report.json"

    def run(*options):
        monkeypatch.setattr(
            "sys.argv", ["recipes", *options, "--fakes", str(BATCH), "--device", "cpu", "--out", str(out)]
        )
        recipes.main()
        return json.loads(out.read_text())["rows"]

    return run


@pytest.mark.slow
def test_recipes_are_judged_by_several_seeds_and_can_be_added(run):
    first = run("--recipes", "tiny", "--minutes", "1", "--seeds", "2")
    assert [(one["images"], one["fd_attributes"], one["outside"]["doubted"]) for one in first["tiny"]] == [
        (64, 1, 2),
        (64, 3, 4),
    ]
    both = run("--recipes", "tiny", "tiny, batch 64", "reference", "--minutes", "1", "--seeds", "2")
    assert both["tiny"] == first["tiny"]
    assert [both[name][0]["images"] for name in ("tiny, batch 64", "reference")] == [128, 128]


def test_a_report_of_another_judge_or_length_stays(run, tmp_path):
    (tmp_path / "report.json").write_text('{"evaluator": "another"}')
    with pytest.raises(SystemExit, match="was measured otherwise"):
        run("--recipes", "tiny", "--minutes", "1")


def test_a_step_is_repeated_for_the_time_that_is_given(monkeypatch):
    clock = itertools.count()
    monkeypatch.setattr(recipes.time, "process_time", lambda: next(clock))
    assert recipes.repeat(lambda: None, 10, torch.device("cpu")) == 9


def test_a_recipe_is_named_by_what_it_changes():
    assert recipes.options_of("ours") == {}
    assert recipes.options_of("no backbone, batch 64") == {"backbone": "none", "batch_size": 64}
    refused = {
        "no bakcbone": "'no bakcbone' is none of 'ours', 'reference'",
        "ours, no moments": "'ours' is none of",
        "pixels 0, pixels 0.5": "'pixels 0, pixels 0.5' changes an option twice",
    }
    for unknown, reason in refused.items():
        with pytest.raises(argparse.ArgumentTypeError, match=reason):
            recipes.as_recipe(unknown)
