import argparse
import itertools
import json
import math
import statistics
from dataclasses import replace
from pathlib import Path
from typing import Any

import course
import editing
import figures
import limits
import pytest
import quality
import recipes
import rivals
import torch
from judges import EVALUATOR, load_evaluator, plain_editor
from quality import above_floor
from reports import path_of_report, write_report
from safetensors.torch import save_model
from torch.nn.utils.parametrize import is_parametrized

from expressions import Editor
from expressions.attributes import CELEBA_ATTRIBUTES, COUPLED, SLIDERS
from expressions.files import RunError
from expressions.images import to_uint8
from expressions.networks.averaging import estimate_statistics
from expressions.networks.classifier import predict
from expressions.networks.files import load_generator
from expressions.networks.generator import Generator
from expressions.training.config import TrainConfig
from expressions.training.data import Faces

ROOT = Path(__file__).parents[2]
NAMES = ("Smiling", "Male", "Young", "Skin_Tone", "L*")
AMOUNTS = torch.linspace(-3, 3, 7)
RIVAL_NAMES = (*SLIDERS, "Chubby")


@pytest.fixture
def judge():
    """A judge that reads nothing, in units of one standard deviation."""
    judge = editing.Judge.__new__(editing.Judge)
    judge.names = NAMES
    judge.border, judge.deviation = torch.tensor([0.0, 0.5, 0.0, 0.1, 0.0]), torch.tensor([1.0, 1.0, 1.0, 8.0, 1.0])
    judge.unrest = torch.tensor([0.0, 0.2, 0.0, 0.0, 0.0])
    return judge


def curve(*slopes):
    """Readings (A, N, S) of faces of which each reading starts somewhere else and rises evenly, by `slopes`."""
    faces = torch.tensor(slopes)
    return torch.rand(faces.shape, generator=torch.Generator().manual_seed(0)) + AMOUNTS[:, None, None] * faces


@pytest.mark.parametrize("change", [-2.0, -0.5, 0.5, 1.0])
def test_at_equal_change_the_other_readings_are_interpolated(change):
    moved = editing.at_change(curve([1.0, 0.2, 0.0, -0.1, 9.0], [0.5, 0.2, 0.0, -0.1, 9.0]), 0, change)
    assert moved[0].tolist() == pytest.approx([change, 0.2 * change, 0, -0.1 * change, 9 * change], abs=1e-5)
    reaches = abs(change) <= 1.5
    expected = [change, 0.4 * change, 0, -0.2 * change, 18 * change] if reaches else [math.nan] * 5
    assert moved[1].tolist() == pytest.approx(expected, abs=1e-5, nan_ok=True)


def test_a_leak_is_the_mean_absolute_change_of_what_should_stay(judge):
    summary = editing.summarise({"Smiling": curve([1.0, 0.2, 0.0, -0.1, 9.0], [2.0, -0.4, 0.0, -0.2, 9.0])}, judge)
    slider = summary["sliders"]["Smiling"]
    assert summary["mean_dependency"] == pytest.approx((0.2 + 0 + 0.1) / 3)  # lightness is not an attribute
    assert summary["interval"] == pytest.approx([0.1, 0.1])  # all faces leak alike
    assert (slider["max_dependency"], slider["leaks_into"]) == (pytest.approx(0.2), "Male")
    assert slider["identifying"] == pytest.approx({"Male": 0.2, "Young": 0, "Skin_Tone": 0.1}, abs=1e-5)
    assert summary["matrix"][0][:4] == pytest.approx([1, 0, 0, -0.1], abs=1e-5)  # signed: opposite leaks cancel
    assert slider["by_change"]["2.0"] == pytest.approx(0.2)
    assert slider["reached"] == 1


def test_methods_are_compared_over_the_faces_that_all_of_them_reach(judge):
    far = {"Smiling": curve([1.0, 0.2, 0.2, 0.2, 9.0], [1.0, 0.6, 0.6, 0.6, 9.0])}
    near = {"Smiling": curve([1.0, 0.1, 0.1, 0.1, 9.0], [0.2, 0.1, 0.1, 0.1, 9.0])}
    assert editing.where_all_reach([far, near], judge) == (pytest.approx([0.2, 0.1]), 2)  # the first face, up and down
    assert editing.where_all_reach([far], judge) == (pytest.approx([0.4]), 4)
    nowhere = {"Smiling": curve([0.1] * 5, [0.1] * 5)}
    leaks, edits = editing.where_all_reach([far, nowhere], judge)
    assert all(map(math.isnan, leaks))
    assert edits == 0


def test_preservation_is_the_area_under_what_stays(judge):
    summary = editing.summarise({"Smiling": curve([1.0, 0.2, 0.2, 0.2, 9.0])}, judge)
    assert summary["preservation"] == pytest.approx(1 - 0.2)  # the leak grows evenly from 0 to 0.4


def test_an_interval_is_one_over_faces():
    rng = torch.Generator().manual_seed(0)
    faces = torch.randn(400, generator=rng)
    low, high = editing.bootstrap(faces[None, None])
    assert high - low == pytest.approx(2 * 1.96 * 0.05, rel=0.15)  # of the mean of 400
    again = editing.bootstrap(faces.expand(11, 2, -1))
    assert again == pytest.approx([low, high], abs=1e-5)  # the same faces again tell nothing more
    half = faces.where(torch.arange(400) < 200, math.nan)
    low, high = editing.bootstrap(half[None, None])
    assert high - low == pytest.approx(2 * 1.96 * 0.05 * 2**0.5, rel=0.2)
    assert all(map(math.isnan, editing.bootstrap(torch.full((1, 1, 3), math.nan))))


class Reader(torch.nn.Module):
    """Reads two attributes off the red at the left and the green of a face."""

    def forward(self, images):
        return torch.stack([images[:, 0, :, :32].mean((1, 2)), images[:, 1].mean((1, 2)) - 0.3], 1)


def test_a_judge_reads_in_standard_deviations_from_borders_that_it_knows():
    faces = torch.rand(500, 3, 1, 2, generator=torch.Generator().manual_seed(0)).repeat_interleave(32, 3)
    judge = editing.Judge(Reader(), ("Left", "Male", "Skin_Tone"), faces.expand(-1, -1, 64, -1).contiguous())
    raw = judge._read(faces.expand(-1, -1, 64, -1))
    expected = (torch.tensor([0.0, 0.0, 28.0, 0.0]) - raw.mean(0)) / raw.std(0)
    assert torch.allclose(judge.border[:3], expected[:3])
    ends = (raw.quantile(torch.tensor([0.01, 0.99]), dim=0) - raw.mean(0)) / raw.std(0)
    assert torch.allclose(judge.values(ends), torch.tensor([[0.0], [100.0]]).expand(-1, 4), atol=1e-2)
    assert judge.unrest[0] > 0.5  # the mirror changes the left
    assert judge.unrest[1] < 1e-4  # but not the whole


def test_who_is_left_counts_the_faces_whose_reading_changes_sides(judge):
    readings = torch.zeros(2, 4, 5)
    readings[0, :, 1] = torch.tensor([0.4, 0.4, 0.6, 0.6])
    readings[1, :, 1] = torch.tensor([0.3, 0.6, 0.4, 0.9])
    readings[1, :, 3] = torch.tensor([0.25, -0.25, 0.25, 0.25])
    base = torch.zeros(4, 5)
    base[:, 1] = torch.tensor([0.1, 0.4, 0.8, 0.8])  # the judge is unsure of the second
    left = editing.who_is_left(base, readings, judge)
    assert left["male_flips"] == 0.5
    assert left["sure"] == 0.75
    assert left["sure_male_flips"] == pytest.approx(1 / 3)
    assert left["skin_flips"] == 0.75
    assert left["median_ita_change"] == 2  # degrees


def test_a_calibration_compares_what_was_asked_with_what_is_seen_within_reach():
    asked = torch.tensor(editing.VALUES, dtype=torch.float)[:, None].expand(-1, 3)
    is_reached = torch.tensor([True, True, False]).expand(len(asked), 3)
    seen = torch.where(is_reached, 0.5 * asked + 10, 99)
    report = editing.calibration(asked, seen, is_reached)
    assert report["slope"] == pytest.approx(0.5)
    errors = [abs(0.5 * value + 10 - value) for value in editing.VALUES]
    assert report["mean_absolute_error"] == pytest.approx(statistics.mean(errors))
    assert report["within_reach"] == pytest.approx(2 / 3)


def test_every_face_is_asked_for_every_value(monkeypatch):
    monkeypatch.setattr(editing, "VALUES", (5, 95))
    editor = Editor.from_pretrained()
    z = editor.latents([1, 2])
    faces = [editor.look(row) for row in z.split(1)]
    for row, face, edited in zip(z, faces, editing.edited(editor, faces, "Bangs"), strict=True):
        assert torch.equal(face.z[0], row)
        expected = [editor.edit(row[None], {"Bangs": value}) for value in (5.0, 95.0)]
        assert torch.equal(torch.cat([look.z for look in edited]), torch.cat(expected))


def test_every_row_of_the_limits_changes_what_the_solver_knows():
    for _, constants in limits.ROWS.values():
        assert constants.keys() <= vars(limits.solver).keys()


def test_an_edit_of_one_step_draws_one_face_and_does_not_correct_it(monkeypatch):
    monkeypatch.setattr(editing, "MISSED", 100.0)
    editor = limits.FirstStep.from_pretrained()
    z = editor.latents([1, 2])
    readers = [editing.Judge(editor.classifier, editor.attributes, editor.synthesize(z))] * 2
    row = limits.measure(editor, readers, z)
    assert row["draws"] == 1
    assert row["mean_dependency"] == row["own_view"]
    face = editor.look(z[:1])
    assert torch.equal(editor.follow(face, {"Bangs": 95.0}).z, editor.sketch(face, {"Bangs": 95.0}))


def test_networks_agree_on_values_as_far_as_their_readings_correlate(editor):
    faces = editor.synthesize(editor.latents(range(50)))
    own = editing.Judge(editor.classifier, editor.attributes, faces)
    assert limits.agreement_on_values([own, own], faces) == pytest.approx(dict.fromkeys(SLIDERS, 1.0))
    opposed = limits.agreement_on_values([own, lambda images: -own(images)], faces)
    assert opposed == pytest.approx(dict.fromkeys(SLIDERS, -1.0))


def test_descent_shows_what_the_edit_did_and_changes_less_besides(editor):
    descent = limits.Descent.from_pretrained()
    face = editor.look(editor.latents(1))
    edited, descended = (one.follow(face, {"Bangs": 95.0}) for one in (editor, descent))
    column, coupled = editor.attributes.index("Bangs"), [editor.attributes.index(name) for name in COUPLED["Bangs"]]
    assert abs(descended.values[column] - edited.values[column]) < 5
    held = torch.ones(len(face.values), dtype=torch.bool)
    held[[column, *coupled]] = False
    drifts = [(one.values - face.values)[held].square().mean() for one in (descended, edited)]
    assert drifts[0] < 0.9 * drifts[1]


@pytest.fixture
def sample():
    """Faces of which every score is one direction of z: their standardised scores, and these unit directions."""
    rng = torch.Generator().manual_seed(0)
    axes = torch.linalg.qr(torch.randn(100, len(RIVAL_NAMES), generator=rng)).Q.T
    z = torch.rand(4000, 100, generator=rng) * 2 - 1
    raw = z @ axes.T
    return rivals.Sample(z, (raw - raw.mean(0)) / raw.std(0), raw.mean(0), raw.std(0)), axes


def test_rivals_find_the_directions_that_scores_were_made_of(sample):
    sample, axes = sample
    for found in (rivals.mean_difference(sample), rivals.boundaries(sample)):
        assert (torch.cosine_similarity(found, axes) > 0.9).all()


def test_a_conditional_direction_leaves_out_those_of_the_other_sliders():
    normals = torch.nn.functional.normalize(torch.randn(len(RIVAL_NAMES), 100), dim=1)
    kept = rivals.project(normals, RIVAL_NAMES)
    for column, name in enumerate(RIVAL_NAMES):
        others = [RIVAL_NAMES.index(other) for other in SLIDERS if other != name and other not in COUPLED.get(name, ())]
        assert (kept[column] @ normals[others].T).abs().max() < 1e-5
        assert kept[column] @ normals[column] > 0.8


def test_a_rival_goes_as_far_as_its_score_is_asked_to(sample):
    sample, axes = sample
    z = sample.z[:50] / 2  # far from the edge of the cube
    for edits in (rivals.along(axes, sample), rivals.along(2 * axes, sample), rivals.sum_of_axes(axes, sample)):
        near, far = (((edited - z) @ axes.T / sample.deviation)[:, 0] for edited in edits(z, 0, (-0.5, 0.5)))
        assert near.tolist() == pytest.approx([-0.5] * 50, abs=0.1)
        assert far.tolist() == pytest.approx([0.5] * 50, abs=0.1)


def test_gradient_ascent_goes_both_ways(editor):
    edits = rivals.gradient_ascent(editor, rivals.draw(editor, first_seed=0, count=250))
    z, column = editor.latents(range(4)), editor.attributes.index("Smiling")
    scores = [editor.scores(editor.synthesize(moved))[:, column] for moved in edits(z, column, (-2, -1, 0, 1, 2))]
    assert all((lower < higher).all() for lower, higher in itertools.pairwise(scores))


def test_held_out_faces_judged_against_themselves_are_perfect(editor):
    faces = to_uint8(editor.synthesize(editor.latents(range(64))))
    held_out = Faces(faces, torch.zeros(64, 40, dtype=torch.bool), CELEBA_ATTRIBUTES)
    training = to_uint8(editor.synthesize(editor.latents(range(100, 200))))
    judges = quality.Judges(EVALUATOR, held_out, training)
    figures = judges.assess(faces)
    expected = {"precision": 1, "recall": 1, "coverage": 1, "rate_error": 0, "worst_rate": 1, "novelty": 1}
    assert {name: figures[name] for name in expected} == pytest.approx(expected)
    assert figures["fd_attributes"] == pytest.approx(0, abs=1e-3)
    assert figures["fd_random"] == pytest.approx(0, abs=1e-3)
    assert judges.assess(training)["novelty"] == pytest.approx(0, abs=1e-2)  # they are copies
    worse = judges.assess(faces // 2)
    assert worse["fd_random"] > 1
    assert worse["worst_rate"] > 1


def test_figures_of_other_weights_are_not_gathered():
    with pytest.raises(ValueError, match=r"editing\.json was measured on weights b; the embedded ones are a"):
        figures.gather({"weights": "a"}, {"weights": "b"}, "a")


def test_a_card_says_how_real_faces_measure():
    row = {"fd_random": [2.0, 1.0, 3.0], "novelty": [1.1, 1.0, 1.2]}
    card = quality.card_figures(row, {"fd_random": [0.5], "novelty": [0.0]}, fakes=10, held_out=20)
    assert card["fd_random"]["value"] == 2
    assert "real faces: 0.500;" in card["fd_random"]["note"]
    assert "real faces: 1 by definition;" in card["novelty"]["note"]  # it is relative to theirs


def test_the_strongest_rival_is_the_one_that_leaks_least_on_this_generator():
    leaks = {"ours": 0.1, "a": 0.1, "a on our generator": 0.3, "b on our generator": 0.2}
    methods = {name: {"mean_dependency": leak} for name, leak in leaks.items()}
    assert figures.strongest_rival({"methods": methods}) == {"name": "b", "mean_dependency": 0.2}


def test_what_is_left_of_a_distance_is_counted_from_that_of_real_faces():
    rows: list[Any] = [{"fd_attributes": [value, 99, 0], "fd_random": [1, value, 100]} for value in (7.0, 13.0, 3.0)]
    assert above_floor(*rows) == pytest.approx({"fd_attributes": 0.4, "fd_random": 0.4})


def test_the_editor_of_a_plain_generator_draws_its_faces(tmp_path):
    save_model(Generator(width=4), str(tmp_path / "plain.safetensors"))
    editor, plain = plain_editor(tmp_path / "plain.safetensors", ["A"]), load_generator(tmp_path / "plain.safetensors")
    estimate_statistics(plain, torch.rand(10_000, 100, generator=torch.Generator().manual_seed(0)) * 2 - 1)
    z = editor.latents([1, 2])
    assert torch.equal(editor.synthesize(z), plain(z))


def test_what_the_figures_were_measured_with_is_here():
    faces = to_uint8(
        plain_editor(ROOT / "benchmarks/plain.safetensors", CELEBA_ATTRIBUTES).synthesize(torch.zeros(2, 100))
    )
    assert predict(load_evaluator().features, faces).shape == (2, 192)


def test_a_kept_training_is_not_taken_for_one_on_other_data(tmp_path):
    images = torch.zeros(4, 3, 64, 64, dtype=torch.uint8)
    arguments = argparse.Namespace(runs=tmp_path, kimg=0.004, fakes=4, device="cpu", data="here")
    first = quality.recipe_faces("reference", 0, images, arguments)
    assert torch.equal(quality.recipe_faces("reference", 0, images, arguments), first)
    arguments.data = "there"
    with pytest.raises(RunError, match=r"data='here' \(now 'there'\)"):
        quality.recipe_faces("reference", 0, images, arguments)
    assert [run.name for run in tmp_path.iterdir()] == ["reference-seed0-0.004kimg-cpu"]  # nor for one on a GPU


def test_twice_as_many_images_are_counted_from_the_others(tmp_path):
    images = torch.zeros(4, 3, 64, 64, dtype=torch.uint8)
    arguments = argparse.Namespace(runs=tmp_path, kimg=0.064, fakes=250, device="cpu", data="here")
    quality.recipe_faces(recipes.FOR_A_CPU + recipes.TWICE, 0, images, arguments)
    (log,) = tmp_path.glob("*/stats.jsonl")
    assert json.loads(log.read_text().splitlines()[-1])["kimg"] == 0.128


def test_a_course_is_judged_on_its_way_and_at_its_end():
    images = torch.zeros(4, 3, 64, 64, dtype=torch.uint8)
    config = TrainConfig(kimg=0.16, batch_size=8, g_width=2, d_width=2, device="cpu")
    for training in (course.our_course({"ours": config}, images), course.reference_course(0.16, images)):
        points = [
            point for _, point in course.judge(training, 0.064, lambda faces: {"fd_random": float(len(faces))}, 250)
        ]
        assert [point["kimg"] for point in points] == [0.064, 0.128, 0.16]
        assert points[0]["fd_random"] == 250


def test_recipes_that_differ_in_the_average_alone_are_one_training():
    shared = TrainConfig(kimg=0.024, batch_size=8, g_width=2, d_width=2, device="cpu")
    configs = {
        "ours": shared,
        "ema 0.001 kimg": replace(shared, ema_kimg=0.001),
        "shifts": replace(shared, max_shift=4),
    }
    first, second = course.trainings(configs)
    assert (list(first), list(second)) == (["ours", "ema 0.001 kimg"], ["shifts"])
    images = torch.randint(256, (4, 3, 64, 64), generator=torch.Generator().manual_seed(0)).byte()
    seen = {}
    for name, config in first.items():
        *_, (_, _, draws) = course.our_course({name: config}, images)
        seen[name] = draws[name](250)
    *_, (_, _, draws) = course.our_course(first, images)
    assert all(torch.equal(draws[name](250), faces) for name, faces in seen.items())
    assert not torch.equal(seen["ours"], seen["ema 0.001 kimg"])


def test_a_course_of_several_recipes_reports_each(tmp_path, monkeypatch):
    held_out = Faces(torch.zeros(2, 3, 64, 64).byte(), torch.zeros(2, 40).bool(), CELEBA_ATTRIBUTES)

    class OneJudge:
        def __init__(self, *_: object) -> None:
            self.seen = 0

        def assess(self, _: object) -> dict[str, float]:
            self.seen += 1
            return dict.fromkeys(quality.FORMATS, float(self.seen))

    monkeypatch.setattr(course, "load_faces", lambda *_, **__: held_out)
    monkeypatch.setattr(course, "Judges", OneJudge)
    monkeypatch.setattr(course, "draw_faces", lambda *_: None)
    names, out = ("half width, kernel 3", "half width, kernel 3, ema 10 kimg"), tmp_path / "course.json"
    options = ["--data", "x", "--kimg", "0.128", "--reference-kimg", "0.064", "--every", "0.064", "--fakes", "250"]
    monkeypatch.setattr("sys.argv", ["course.py", "--recipes", *names, *options, "--device", "cpu", "--out", str(out)])
    course.main()
    rows = json.loads(out.read_text())["rows"]
    seen = {name: [(point["kimg"], point["fd_random"]) for point in row["points"]] for name, row in rows.items()}
    assert seen == {names[0]: [(0.064, 1), (0.128, 3)], names[1]: [(0.064, 2), (0.128, 4)], "reference": [(0.064, 5)]}
    assert rows[names[1]]["last_to_best"]["fd_random"] == 2


def test_a_recipe_is_named_by_what_it_changes():
    assert recipes.options_of(recipes.as_recipe("ours")) == {}
    name = f"{recipes.FOR_A_CPU}, cooldown 0.3"
    changes = {"g_width": 16, "d_kernel": 3, "cooldown": 0.3}
    for variant in (name, name + recipes.TWICE):
        assert recipes.options_of(recipes.as_variant(variant)) == changes
    refused = {
        name + recipes.TWICE: "'after twice as many' is none of 'ours', 'spectral norm'",
        "ours, shifts": "'ours' is none of",
        "rates 2e-4, rates 4e-4": "'rates 2e-4, rates 4e-4' changes an option twice",
    }
    for unknown, reason in refused.items():
        with pytest.raises(argparse.ArgumentTypeError, match=reason):
            recipes.as_recipe(unknown)


def test_a_recipe_of_spectral_norms_begins_with_them():
    config = TrainConfig(g_width=2, d_width=2, device="cpu")
    for recipe, expected in (("ours", False), ("spectral norm", True), ("shifts, spectral norm", True)):
        discriminator = recipes.new_state(recipe, config, torch.device("cpu")).discriminator
        assert any(is_parametrized(layer) for layer in discriminator.modules()) == expected


def test_a_report_is_written_where_no_folder_was_and_tells_nothing_where_nothing_was_measured(tmp_path):
    write_report({"rows": [1.0, math.nan]}, tmp_path / "new" / "report.json")
    assert json.loads((tmp_path / "new" / "report.json").read_text()) == {"rows": [1.0, None]}


def test_reports_of_several_devices_lie_beside_each_other():
    folder = Path("benchmarks")
    assert path_of_report("course", torch.device("cpu")) == folder / "course.json"
    assert path_of_report("course", torch.device("cuda", 0)) == folder / "course_cuda.json"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--variants", "half width"], "give --kimg too"),
        (["--kimg", "1", "--variants", "half widht"], "argument --variants: 'half widht' is none of 'ours'"),
        (["--kimg", "1", "--plain", "plain.safetensors"], "--weights and --plain do not belong to it"),
        (["--fakes", "100"], "--fakes must be at least 250, got 100"),
        (["--repeats", "0"], "--repeats and --kimg must be positive"),
        (["--kimg", "0"], "--repeats and --kimg must be positive"),
    ],
)
def test_options_that_do_not_go_together_are_refused(options, message, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["quality.py", *options])
    with pytest.raises(SystemExit):
        quality.main()
    assert message in capsys.readouterr().err


def test_the_last_point_of_a_course_is_compared_with_the_best():
    points = [{"kimg": kimg, "fd_attributes": distance, "fd_random": 4.0} for kimg, distance in ((1, 3.0), (2, 6.0))]
    told = course.summary(points)
    assert told["best_kimg"] == {"fd_attributes": 1, "fd_random": 1}
    assert told["last_to_best"] == {"fd_attributes": 2, "fd_random": 1}


def test_what_is_measured_for_a_cpu_is_the_schedule_for_one():
    options = " ".join(
        f"--{name.replace('_', '-')} {value}" for name, value in recipes.options_of(recipes.FOR_A_CPU).items()
    )
    assert f"networks.cpu := {options}\n" in (ROOT / "Makefile").read_text()
