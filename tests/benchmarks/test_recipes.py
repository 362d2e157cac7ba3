import argparse
import json

import pytest
import torch

from benchmarks import recipes
from benchmarks.tables import FIGURES
from expressions.training.config import TrainConfig
from expressions.training.data import FaceDataset

NAMES = ("half width, kernel 3", "half width, kernel 3, ema 0.1 kimg")


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Judge recipes of tiny networks; a judge counts what it is shown. Returns the rows of the report."""

    class Counter:
        def __init__(self, *_):
            self.seen = 0

        def assess(self, faces):
            assert faces.shape == (250, 3, 64, 64)
            self.seen += 1
            return dict.fromkeys(FIGURES, self.seen)

    faces = FaceDataset(torch.zeros(4, 3, 64, 64).byte(), torch.zeros(4, 0).bool(), (), torch.empty(0))
    monkeypatch.setattr(recipes, "load_faces", lambda *_: faces)
    monkeypatch.setattr(recipes, "QualityJudge", Counter)
    monkeypatch.setattr(recipes, "CHANGES", {**recipes.CHANGES, "half width": {"g_width": 2, "d_width": 2}})
    out = tmp_path / "report.json"

    def run(*options):
        monkeypatch.setattr("sys.argv", ["recipes", *options, "--fakes", "250", "--device", "cpu", "--out", str(out)])
        recipes.main()
        return json.loads(out.read_text())["rows"]

    return run


@pytest.mark.slow
def test_recipes_are_judged_on_their_way_and_by_several_seeds(run):
    rows = run("--recipes", *NAMES, "--kimg", "0.128", "0.064", "--seeds", "2")
    seen = {
        name: [(p["kimg"], [one["fd_random"] for one in p["sets"]]) for p in points] for name, points in rows.items()
    }
    assert seen == {NAMES[0]: [(0.064, [1, 3]), (0.128, [2, 4])], NAMES[1]: [(0.064, [5, 7]), (0.128, [6, 8])]}


@pytest.mark.slow
def test_a_recipe_can_be_added_to_a_report_of_the_same_judge(run):
    first = run("--recipes", "reference", "--kimg", "0.064", "--seeds", "1")
    both = run("--recipes", "reference", NAMES[0], "--kimg", "0.064", "--seeds", "1")
    assert both["reference"] == first["reference"]
    assert list(both) == ["reference", NAMES[0]]


def test_a_report_of_another_judge_stays(run, tmp_path):
    (tmp_path / "report.json").write_text('{"evaluator": "another"}')
    with pytest.raises(SystemExit, match="was measured otherwise"):
        run("--recipes", NAMES[0], "--kimg", "0.064")


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["reference", "ours"])
def test_a_training_that_is_judged_on_its_way_goes_on_as_one_that_is_not(recipe):
    images = torch.randint(256, (4, 3, 64, 64), generator=torch.Generator().manual_seed(0)).byte()

    def last(*counts):
        if recipe == "reference":
            *_, faces = recipes.faces_of_recipe(recipe, counts, 0, images, 250)
        else:
            config = TrainConfig(kimg=counts[-1], batch_size=8, g_width=2, d_width=2, device="cpu")
            *_, faces = recipes.our_faces(config, counts, images, 250)
        return faces

    assert torch.equal(last(0.064, 0.1), last(0.1))


def test_a_recipe_is_named_by_what_it_changes():
    assert recipes.options_of("ours") == {}
    changes = {"g_width": 16, "d_kernel": 3, "max_shift": 4}
    assert recipes.options_of(f"{recipes.FOR_A_CPU}, shifts") == changes
    refused = {
        "half widht": "'half widht' is none of 'ours', 'reference'",
        "ours, shifts": "'ours' is none of",
        "ema 10 kimg, ema 50 kimg": "'ema 10 kimg, ema 50 kimg' changes an option twice",
    }
    for unknown, reason in refused.items():
        with pytest.raises(argparse.ArgumentTypeError, match=reason):
            recipes.as_recipe(unknown)
