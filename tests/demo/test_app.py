import asyncio
import re
from pathlib import Path

import gradio as gr
import pytest

import app
from expressions import Editor
from expressions.demo.engine_files import EngineFiles
from expressions.demo.faces import FaceCache
from expressions.demo.layout import markup, opening


def test_only_attributes_that_the_editor_has_get_a_slider() -> None:
    faces = FaceCache(Editor(["Smiling", "Blurry"]))
    sliders = opening(faces, "engine.js")["sliders"]
    assert re.findall('id="slider-([^"]*)"', markup(faces)) == ["Smiling", "Skin_Tone"] == [*sliders]
    assert "<option" in markup(faces)
    assert "Blurry</option>" not in markup(faces)


def test_what_the_notice_says_is_text() -> None:
    assert '<p id="notice" role="alert">&lt;b&gt;</p>' in markup(FaceCache(Editor(["Smiling"])), "<b>")


def test_programs_that_flood_their_queue_are_told_and_visitors_have_none() -> None:
    editor = Editor(["Smiling"])

    async def build() -> gr.Blocks:  # where no event loop runs, Gradio makes one and leaves it open
        return app.build_demo(editor, EngineFiles(editor))

    demo = asyncio.run(build())
    assert demo._queue.max_size == app.WAITING
    assert {fn.concurrency_id for fn in demo.fns.values()} == {"programs"}


def test_weights_of_a_folder_are_the_ones_shown_and_have_no_revision(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    Editor(["Smiling"]).save_pretrained(tmp_path)
    monkeypatch.setenv("EXPRESSIONS_MODEL", str(tmp_path))
    loaded, notice = app.load_editor()
    assert loaded.attributes == ("Smiling", "Skin_Tone")
    assert notice == ""
    monkeypatch.setenv("EXPRESSIONS_REVISION", "main")
    assert app.load_editor()[1] == app.FALLBACK_NOTICE
    assert "a revision belongs to weights on the Hub, and this is a folder" in caplog.text


def test_a_revision_of_no_weights_is_told(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.delenv("EXPRESSIONS_MODEL", raising=False)
    monkeypatch.setenv("EXPRESSIONS_REVISION", "main")
    app.load_editor()
    assert "EXPRESSIONS_REVISION pins the weights that EXPRESSIONS_MODEL names: it names none" in caplog.text
