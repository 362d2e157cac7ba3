from collections.abc import Mapping

import pytest
import torch
from synthetic_editor import synthetic_editor

from expressions.demo.faces import FaceCache
from expressions.demo.state import State
from expressions.solver import Look


def test_what_the_other_sliders_come_to_alone_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    editor, followed = synthetic_editor(), []
    expected = editor.edit(editor.latents(7), {"Young": 20, "Smiling": 90})
    follow, faces = editor.follow, FaceCache(editor)

    def record(face: Look, targets: Mapping[str, float]) -> Look:
        followed.append(targets)
        return follow(face, targets)

    monkeypatch.setattr(editor, "follow", record)
    faces.face(State(7, {"Smiling": 90}))
    shown = faces.face(State(7, {"Smiling": 90, "Young": 20}))
    assert followed == [{"Smiling": 90.0}, {"Young": 20.0}]
    assert torch.equal(shown.z, expected)
