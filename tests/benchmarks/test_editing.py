import itertools
import statistics

import pytest
import torch
from synthetic_editor import ATTRIBUTES, latent, synthetic_editor

from benchmarks import editing, tables
from benchmarks.readers import AttributeReader
from expressions import Editor
from expressions.latents import to_normal, to_uniform
from expressions.training.data import FaceDataset


def test_values_are_compared_with_what_was_asked_reached_or_not(reader):
    asked = torch.tensor(editing.VALUES, dtype=torch.float)[:, None].expand(-1, 3)
    is_reached = torch.tensor([True, True, False]).expand(len(asked), 3)
    readings = torch.zeros(len(asked), 3, 4)
    readings[:, :, 0] = torch.where(is_reached, 0.5 * asked + 10, 50) / 100
    figures = editing.slider_figures("Smiling", readings, is_reached, reader)
    errors = [abs(0.5 * value + 10 - value) for value in editing.VALUES]
    missed = [abs(50 - value) for value in editing.VALUES]
    assert figures["mean_absolute_error"] == pytest.approx(statistics.mean([*errors, *errors, *missed]))
    assert figures["within_reach"] == pytest.approx(2 / 3)
    assert figures["own"] == pytest.approx(0.45 * 2 / 3)


def test_the_ends_of_a_slider_are_compared_and_the_largest_change_is_named(reader):
    readings = torch.zeros(len(editing.VALUES), 4, 4)
    readings[0, :, 1] = torch.tensor([0.4, 0.4, 0.6, 0.6])
    readings[-1, :, 1] = torch.tensor([0.3, 0.6, 0.4, 0.9])
    readings[-1, :, 3] = torch.tensor([0.25, -0.25, 0.25, 0.25])
    figures = editing.slider_figures("Smiling", readings, readings[:, :, 0] == 0, reader)
    assert figures["male_flips"] == 0.5
    assert figures["median_ita_change"] == 2  # degrees
    assert (figures["largest"], figures["largest_in"]) == (0.25, "Skin_Tone")  # opposite changes do not cancel
    assert figures["others"] == pytest.approx((0.2 + 0 + 0.25) / 3)


def test_an_unedited_face_stands_among_its_edits_where_its_own_value_is():
    readings = torch.arange(5.0)[:, None, None].expand(5, 2, 1)
    found = editing.curve(readings, torch.tensor([[10.0], [20.0]]), torch.tensor([30.0, 0.0]))
    assert found[:, 0, 0].tolist() == [0, 1, 10, 10, 10, 10, 10, 10, 2, 3, 4]
    assert found[:, 1, 0].tolist() == [20] * 6 + [0, 1, 2, 3, 4]


def test_a_change_is_shared_between_a_region_and_what_is_outside():
    ends = torch.zeros(2, 3, 3, 64, 64).byte()
    ends[1, :, :, 0, 0], ends[1, :, :, 9, 9] = 20, 10
    inside = torch.zeros(64, 64)
    inside[0, 0], inside[9, 9] = 1, 0.5
    assert editing.outside_share(ends, inside) == pytest.approx(0.5 * 100 / 500)


def test_real_faces_are_taken_without_an_attribute_and_with_it_where_there_are_enough():
    images = torch.arange(6).byte()[:, None, None, None].expand(-1, 3, 64, 64)
    faces = FaceDataset(images, torch.tensor([[True], [False]] * 3), ("Bangs",), torch.empty(0))
    without, having = editing.with_and_without(faces, "Bangs", 2)
    assert (without[:, 0, 0, 0].tolist(), having[:, 0, 0, 0].tolist()) == ([1, 3], [0, 2])
    assert editing.with_and_without(faces, "Bangs", 4) == editing.with_and_without(faces, "Skin_Tone", 1) == []


def test_kinds_of_one_thing_are_never_asked_together():
    assert editing.contradict(["Smiling", "Black_Hair", "Blond_Hair"])
    assert not editing.contradict(["Smiling", "Mouth_Slightly_Open", "Male", "No_Beard"])


def test_several_values_land_where_an_editor_reaches_them(monkeypatch):
    monkeypatch.setattr(editing, "SLIDERS", ATTRIBUTES)
    editor = synthetic_editor()
    faces = [editor.look(latent(Smiling=value)) for value in (40, 60, 70)]
    everything = torch.ones(len(editing.VALUES), len(faces), dtype=torch.bool)
    is_reached = dict.fromkeys(ATTRIBUTES, everything)
    assert editing.ask_several(editor, faces, is_reached, 2) == {
        "sets": 6,
        "all_land": 1,
        "beside": 0,
        "beside_land": pytest.approx(float("nan"), nan_ok=True),
    }
    some = editing.ask_several(editor, faces, is_reached | {"Bangs": ~everything, "Male": ~everything}, 2)
    assert 0 < some["beside"] <= 6 - some["sets"]
    assert some["beside_land"] == 1
    monkeypatch.setattr(type(editor), "follow", lambda *arguments: arguments[1])  # an editor that does nothing
    assert editing.ask_several(editor, faces, is_reached, 2)["all_land"] == 0


@pytest.mark.slow
def test_every_face_is_asked_for_every_value(monkeypatch):
    monkeypatch.setattr(editing, "VALUES", (5, 95))
    editor = Editor.from_pretrained()
    z = editor.latents([1, 2])
    answers = editing.ask(editor, [editor.measure], [editor.look(row) for row in z.split(1)], "Bangs")
    column = editor.attributes.index("Bangs")
    for index, (value, (row, face)) in enumerate(itertools.product((5.0, 95.0), enumerate(z))):
        edited = editor.synthesize(editor.edit(face[None], {"Bangs": value}))
        assert torch.equal(answers.ends[index // 2, row], editing.to_uint8(edited)[0])
        shown = editor.measure(edited)[0]
        assert answers.readings[0][index // 2, row].tolist() == pytest.approx(shown.tolist(), abs=1e-3)
        assert answers.is_reached[index // 2, row] == ((shown[column] - value).abs() <= editing.MISSED)


def test_other_editors_are_compared_over_the_same_edits_of_the_same_generator(monkeypatch):
    for module in (editing, editing.rivals):
        monkeypatch.setattr(module, "SLIDERS", ATTRIBUTES[:3])
    draw = editing.rivals.draw
    monkeypatch.setattr(editing.rivals, "draw", lambda editor, first_seed: draw(editor, first_seed, count=300))
    editor = synthetic_editor()
    reader = AttributeReader(editor.classifier, editor.attributes, editor.synthesize(editor.latents(range(300))))
    z = editor.latents([1, 2, 3])
    ours = {name: curve_along(editor, reader, z, name) for name in ATTRIBUTES[:3]}
    methods = editing.with_rivals(ours, editor, reader, z)
    assert list(methods)[:2] == ["ours", "mean difference"]
    assert {one["edits"] for one in methods.values()} == {methods["ours"]["edits"]}
    assert 0 < methods["ours"]["edits"] <= 3 * 2 * 3
    assert methods["ours"]["mean_dependency"] < methods["mean difference"]["mean_dependency"]


def curve_along(editor, reader, z, name):
    """Readings (5, N, S) of faces that are moved along the direction of a slider of the synthetic editor, alone."""
    direction = editor.generator.directions[ATTRIBUTES.index(name)]
    return torch.stack(
        [reader(editor.synthesize(to_uniform(to_normal(z) + way * direction))) for way in (-3, -1.5, 0, 1.5, 3)]
    )


def test_a_report_becomes_tables_with_a_row_for_each_slider():
    seen = {"fd_mobilenet": 70.4, "doubted": 0.02}
    row = {"own": 3.0, "others": 0.25, "largest": 0.9, "largest_in": "Chubby", "mean_absolute_error": 4.2}
    row |= {"within_reach": 0.9, "male_flips": 0.05, "male_flips_interval": [0.02, 0.08], "median_ita_change": 1.5}
    leaks = {"edits": 400, "mean_dependency": 0.2, "interval": [0.1, 0.3], "max_dependency": 0.5}
    report = {
        "faces": 300,
        "sliders": {"Smiling": row, "Skin_Tone": row},
        "pictures": {
            "Smiling": {"same_person": 0.9, "outside_region": 0.2, "ends": [seen, seen], "real": [seen, seen]},
            "Skin_Tone": {"same_person": 0.8, "ends": [seen, seen], "real": []},
        },
        "unedited": seen,
        "several": {"2": {"sets": 500, "all_land": 0.96, "beside": 80, "beside_land": 0.5}},
        "methods": {"ours": leaks | {"largest": ["Young", "Chubby"]}},
        "do_nothing": {"mirrored": {"change": 0.15, "male_flips": 0.02}},
    }
    shown = tables.editing(report)
    assert "| `Smiling` | 3.00 | 0.25 | 0.90, `Chubby` | 5.0 % (2.0 to 8.0) | 1.5 | 90 % | 20 % |\n" in shown["sliders"]
    assert "| `Skin_Tone` | 3.00 | 0.25 | 0.90, `Chubby` | 5.0 % (2.0 to 8.0) |  | 80 % |  |\n" in shown["sliders"]
    assert "| unedited |  |  | 70 |  | 2.0 % |\n" in shown["ends"]
    assert "| `Skin_Tone` | 4.2 | 90 % | 70, 70 |  | 2.0 %, 2.0 % |\n" in shown["ends"]
    assert "| 2 | 96 % of 500 | 50 % of 80 |\n" in shown["several"]
    assert "| **Expressions** | **0.20 (0.10 to 0.30)** | **0.50, `Chubby` by `Young`** |\n" in shown["editors"]
