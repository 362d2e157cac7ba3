from dataclasses import replace

import pytest
import torch
from synthetic_editor import SLOPE, latent, synthetic_editor

from expressions.latents import to_normal
from expressions.solver import damped_solve


def value(face, name, editor):
    return face.values[editor.attributes.index(name)].item()


@pytest.fixture
def editor():
    return synthetic_editor()


def test_the_first_step_goes_99_percent_of_the_way(editor):
    face = editor.look(latent(Smiling=30))
    moved = to_normal(editor.sketch(face, {"Smiling": 90})) - to_normal(face.z)
    expected = 60 / SLOPE / 1.01 * editor.generator.directions[0]  # damped by a hundredth of the response
    assert torch.allclose(moved[0], expected, atol=1e-5)


def test_a_response_that_was_wrong_is_corrected_by_what_was_seen(editor):
    editor.response *= 2.5
    face = editor.look(latent(Smiling=10))
    assert value(editor.look(editor.sketch(face, {"Smiling": 90})), "Smiling", editor) == pytest.approx(42, abs=1)
    assert value(editor.follow(face, {"Smiling": 90}), "Smiling", editor) == pytest.approx(90, abs=1)


def test_an_edit_ends_when_its_targets_are_met(editor):
    misses = []
    for tolerance in (1.0, 1e-3):
        editor.solver = replace(editor.solver, tolerance=tolerance)
        misses.append(abs(value(editor.follow(editor.look(latent()), {"Smiling": 90}), "Smiling", editor) - 90))
    assert misses[1] < 1e-3 < misses[0] < 1


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_the_held_share_of_a_drift_is_taken_back(share):
    editor = synthetic_editor(Eyeglasses=0.4)
    editor.response *= 2  # steps go half as far as they should
    editor.solver = replace(editor.solver, held_share=share)
    seen = editor.follow(editor.look(latent()), {"Eyeglasses": 100})
    # Step 1: 25 of 50 points, `Male` drifts by 0.4 of them. Step 2 knows of the leak, and holds half of the next 10.
    drift = 10 + 5 - share * 10 / 2
    assert value(seen, "Male", editor) - 50 == pytest.approx(drift, abs=0.3)


@pytest.mark.parametrize(
    ("name", "held"), [("Bangs", ("Male", "Young", "Skin_Tone")), ("Male", ("Young", "Skin_Tone"))]
)
def test_what_an_edit_does_not_name_is_held_where_it_is(editor, name, held):
    values = editor.look(latent(Young=20)).values
    problem = editor.solver.problem({name: 90.0}, editor.attributes, values, torch.eye(6, 100), torch.eye(6))
    assert [editor.attributes[column] for column in problem.columns] == [name, *held]
    assert problem.goal.tolist() == [90.0, *values[problem.columns[1:]].tolist()]


def test_what_may_change_along_with_an_edit_is_not_held(editor):
    names = ["Pale_Skin", *editor.attributes]
    problem = editor.solver.problem({"Pale_Skin": 90.0}, names, torch.zeros(7), torch.eye(7, 100), torch.eye(7))
    assert [names[column] for column in problem.columns] == ["Pale_Skin", "Male", "Young"]


def test_an_edit_out_of_reach_stops_at_the_closest_face_that_it_saw(editor, monkeypatch):
    editor.classifier.mixture *= 0.1  # 2 points for a unit of u, which moves by 6 at most
    face, seen, look = editor.look(latent()), [], editor.look

    def record(z):
        seen.append(look(z))
        return seen[-1]

    monkeypatch.setattr(editor, "look", record)
    edited = editor.follow(face, {"Smiling": 0})
    assert len(seen) == editor.solver.max_steps
    assert value(edited, "Smiling", editor) == min(value(each, "Smiling", editor) for each in seen)
    assert value(edited, "Smiling", editor) == pytest.approx(50 - 2 * 6, abs=0.1)
    distances = [(to_normal(each.z) - to_normal(face.z)).norm().item() for each in seen]
    assert max(distances) == pytest.approx(6, abs=0.01)


# Several targets -------------------------------------------------------------------------------------


def test_a_target_out_of_reach_is_clipped_to_its_reach_and_spoils_no_other(editor):
    editor.classifier.mixture[3, 3] = 0.1  # Eyeglasses: 2 points for a unit of u, and so 62 at most
    face = editor.look(latent())
    edited = editor.follow(face, {"Eyeglasses": 90, "Smiling": 95, "Bangs": 20})
    assert value(edited, "Eyeglasses", editor) == pytest.approx(62, abs=1)
    assert value(edited, "Smiling", editor) == pytest.approx(95, abs=1)
    assert value(edited, "Bangs", editor) == pytest.approx(20, abs=1)


def test_targets_that_are_within_reach_alone_are_met_together(editor):
    editor.classifier.mixture *= 0.5  # 10 points for a unit of u, which moves by 6 for each target
    edited = editor.follow(editor.look(latent()), {"Smiling": 100, "Bangs": 0})
    assert (value(edited, "Smiling", editor), value(edited, "Bangs", editor)) == pytest.approx((100, 0), abs=1)


def test_an_edit_of_several_targets_follows_from_what_each_comes_to_alone(editor):
    editor.classifier.mixture[3, 3] = 0.1
    face, targets = editor.look(latent(Young=30)), {"Eyeglasses": 90.0, "Smiling": 95.0}
    alone = {name: editor.follow(face, {name: target}) for name, target in targets.items()}
    assert torch.equal(editor.combine(face, targets, alone).z, editor.follow(face, targets).z)


def test_a_target_that_is_as_good_as_met_is_not_clipped(editor):
    shown = {"Smiling": 89.5, "Bangs": -4.0, "Young": 60.0}
    clipped = editor.solver.within_reach({"Smiling": 90.0, "Bangs": 0.0, "Young": 80.0}, shown)
    assert clipped == {"Smiling": 90.0, "Bangs": 0.0, "Young": 60.0}


def test_a_first_step_goes_along_no_direction_farther_than_an_edit_of_one_value_may(editor):
    editor.response *= 0.1  # it expects 25 units to be needed for each
    face = editor.look(latent())
    moved = to_normal(editor.sketch(face, {"Smiling": 100, "Bangs": 0})) - to_normal(face.z)
    expected = 6 * (editor.generator.directions[0] - editor.generator.directions[4])
    assert torch.allclose(moved[0], expected, atol=1e-4)


# The ends of the scale -------------------------------------------------------------------------------


@pytest.mark.parametrize(("start", "end", "other"), [(-10, 0, 5), (110, 100, 95)])
def test_the_end_of_the_scale_is_reached_beyond_it(editor, start, end, other):
    face = editor.look(latent(Bangs=start))
    for edit in (editor.sketch, lambda *given: editor.follow(*given).z):
        assert torch.allclose(edit(face, {"Bangs": end}), face.z, atol=1e-6)
        assert not torch.allclose(edit(face, {"Bangs": other}), face.z, atol=1e-2)


def test_one_point_more_than_a_slider_shows_is_another_face(editor):
    face = editor.look(latent(Smiling=40.4))
    assert editor.follow(face, {"Smiling": 40}) is face
    assert not torch.equal(editor.follow(face, {"Smiling": 41}).z, face.z)


# The linear system -----------------------------------------------------------------------------------


def test_a_solution_stays_on_the_device_of_its_matrix():
    assert damped_solve(torch.ones(2, 2, device="meta"), torch.ones(2, device="meta")).device.type == "meta"


def test_a_damped_solution_meets_targets_that_agree():
    matrix = torch.randn(3, 3, generator=torch.Generator().manual_seed(0)) + 3 * torch.eye(3)
    wanted = torch.tensor([10.0, -5.0, 2.0])
    assert torch.allclose(matrix @ damped_solve(matrix, wanted), wanted, atol=0.5)


def test_targets_that_contradict_each_other_share_the_step():
    assert damped_solve(torch.ones(2, 2), torch.tensor([1.0, -1.0])).abs().max() < 1e-4
