import statistics

import pytest
import torch

from benchmarks import editing
from expressions import Editor


def test_values_are_compared_where_they_are_within_reach(reader):
    asked = torch.tensor(editing.VALUES, dtype=torch.float)[:, None].expand(-1, 3)
    is_reached = torch.tensor([True, True, False]).expand(len(asked), 3)
    seen = torch.where(is_reached, 0.5 * asked + 10, 99)
    figures = editing.slider_figures(seen, is_reached, torch.zeros(3, 4), torch.zeros(len(asked), 3, 4), reader)
    assert figures["slope"] == pytest.approx(0.5)
    errors = [abs(0.5 * value + 10 - value) for value in editing.VALUES]
    assert figures["mean_absolute_error"] == pytest.approx(statistics.mean(errors))
    assert figures["within_reach"] == pytest.approx(2 / 3)


def test_the_faces_whose_reading_changes_sides_are_counted(reader):
    readings = torch.zeros(2, 4, 4)
    readings[0, :, 1] = torch.tensor([0.4, 0.4, 0.6, 0.6])
    readings[1, :, 1] = torch.tensor([0.3, 0.6, 0.4, 0.9])
    readings[1, :, 3] = torch.tensor([0.25, -0.25, 0.25, 0.25])
    base = torch.zeros(4, 4)
    base[:, 1] = torch.tensor([0.1, 0.4, 0.8, 0.8])  # the reader is unsure of the second
    values = torch.zeros(len(editing.VALUES), 4)
    figures = editing.slider_figures(values, values == 0, base, readings, reader)
    assert figures["male_flips"] == 0.5
    assert figures["sure"] == 0.75
    assert figures["sure_male_flips"] == pytest.approx(1 / 3)
    assert figures["median_ita_change"] == 2  # degrees


@pytest.mark.slow
def test_every_face_is_asked_for_every_value(monkeypatch):
    monkeypatch.setattr(editing, "VALUES", (5, 95))
    editor = Editor.from_pretrained()
    z = editor.latents([1, 2])
    faces = [editor.look(row) for row in z.split(1)]
    for row, face, edited in zip(z, faces, editing.edited(editor, faces, "Bangs"), strict=True):
        assert torch.equal(face.z[0], row)
        expected = [editor.edit(row[None], {"Bangs": value}) for value in (5.0, 95.0)]
        assert torch.equal(torch.cat([look.z for look in edited]), torch.cat(expected))
