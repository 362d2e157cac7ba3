from dataclasses import replace

import pytest
import torch

from benchmarks import editing, limits
from benchmarks.readers import AttributeReader
from expressions.attributes import COUPLED, SLIDERS


def test_every_row_of_the_limits_changes_settings_of_the_solver(editor):
    for _, settings in (limits.ROWS | limits.DESCENT).values():
        assert (replace(editor.solver, **settings) == editor.solver) == (not settings)


@pytest.mark.slow
def test_an_edit_of_one_step_draws_one_face_and_does_not_correct_it(monkeypatch):
    monkeypatch.setattr(editing, "MISSED", 100.0)
    editor = limits.FirstStep.from_pretrained()
    z = editor.latents([1, 2])
    readers = [AttributeReader(editor.classifier, editor.attributes, editor.synthesize(z))] * 2
    row = limits.measure(editor, readers, z)
    assert row["draws"] == 1
    assert row["mean_dependency"] == row["own_view"]
    face = editor.look(z[:1])
    assert torch.equal(editor.follow(face, {"Bangs": 95.0}).z, editor.sketch(face, {"Bangs": 95.0}))


def test_networks_agree_on_values_as_far_as_their_readings_correlate(editor):
    faces = editor.synthesize(editor.latents(range(50)))
    own = AttributeReader(editor.classifier, editor.attributes, faces)
    assert limits.agreement_on_values([own, own], faces) == pytest.approx(dict.fromkeys(SLIDERS, 1.0))
    opposed = limits.agreement_on_values([own, lambda images: -own(images)], faces)
    assert opposed == pytest.approx(dict.fromkeys(SLIDERS, -1.0))


@pytest.mark.slow
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
