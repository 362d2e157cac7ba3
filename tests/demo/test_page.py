import asyncio
import base64
import io
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch
from nuisances import NUISANCES
from PIL import Image
from synthetic_editor import random_chooser, synthetic_editor

from expressions import Editor
from expressions.demo.about import quality
from expressions.demo.faces import PICTURE_SIZE, THUMBNAIL_SIZE, FaceCache, jpeg_url
from expressions.demo.heat_map import draw
from expressions.demo.page import MOST_FACES, Page, in_turn
from expressions.demo.state import State
from expressions.demo.turns import Turns


@pytest.fixture(scope="module")
def cache(editor: Editor) -> FaceCache:
    return FaceCache(editor)


@pytest.fixture(scope="module")
def page(cache: FaceCache) -> Page:
    return Page(cache)


def asking(state: State, **others: object) -> dict[str, Any]:
    """A request as the page sends it."""
    return {"state": asdict(state), **others}


def picture(src: str) -> Image.Image:
    """What a data URL holds."""
    return Image.open(io.BytesIO(base64.b64decode(src.partition(",")[2])))


def test_faces_are_drawn_as_asked_and_measured(page: Page, editor: Editor) -> None:
    states = [asdict(State(7)), asdict(State(7, {"Smiling": 90}))]
    for size in (THUMBNAIL_SIZE, PICTURE_SIZE):
        plain, edited = page.faces({"states": states, "size": size})
        assert plain["src"] == jpeg_url(editor.render(7, size=size))
        assert edited["src"] == jpeg_url(editor.render(7, {"Smiling": 90}, size=size))
    z = editor.edit(editor.latents(7), {"Smiling": 90.0})
    assert list(edited["values"].values()) == editor.measure(editor.synthesize(z))[0].tolist()
    assert page.faces({"states": states, "size": 0}) == [
        {"src": "", "values": face["values"]} for face in (plain, edited)
    ]


def test_no_more_faces_are_answered_than_a_map_has(page: Page) -> None:
    assert len(page.faces({"states": [asdict(State(7))] * 1000, "size": 0})) == MOST_FACES


@pytest.mark.parametrize("nuisance", NUISANCES, ids=lambda value: repr(value)[:8])
def test_no_value_makes_the_page_raise(page: Page, nuisance: Any) -> None:
    assert page.faces({"states": nuisance, "size": nuisance}) == []
    (face,) = page.faces({"states": [nuisance], "size": nuisance})
    assert face["src"] == ""
    for given in ({"state": nuisance, "size": nuisance}, {"state": {"seed": nuisance, "targets": {"Male": nuisance}}}):
        assert picture(page.png(given)["src"]).width == 64


@pytest.mark.slow
def test_a_morph_starts_at_one_face_and_ends_at_the_other(cache: FaceCache, page: Page) -> None:
    pictures = cache.morph(State(7, to=8), count=5)
    assert len(pictures) == 5
    for one, seed in ((pictures[0], 7), (pictures[-1], 8)):
        expected = cache.editor.render(seed, {}, size=one.width)
        difference = [abs(a - b) for a, b in zip(one.tobytes(), expected.tobytes(), strict=True)]
        assert max(difference) <= 2  # a batch rounds differently
    morph = page.morph(asking(State(7, to=8)))
    assert picture(morph["src"]).n_frames > 24  # type: ignore[attr-defined]
    assert picture(morph["still"]).size == pictures[0].size
    assert b"seed=7&amp;view=morph&amp;to=8" in base64.b64decode(morph["src"].partition(",")[2])


def test_a_download_opens_the_face_it_came_from(page: Page, cache: FaceCache) -> None:
    file = page.png(asking(State(7, {"Smiling": 90}, "strip"), size=256))
    assert file["name"] == "expressions-7-256.png"
    saved = picture(file["src"])
    assert saved.tobytes() == cache.editor.render(7, {"Smiling": 90}, size=256).tobytes()
    assert f"?seed=7&amp;Smiling=90&amp;weights={cache.weights}" in saved.text["XML:com.adobe.xmp"]  # type: ignore[attr-defined]


def test_every_answer_follows_the_choice_between_sound_and_varied_faces() -> None:
    editor = synthetic_editor()
    editor.chooser = random_chooser()
    seeds = (seed for seed in range(100) if not torch.equal(editor.latents(seed), editor.latents(seed, attempts=1)))
    page, seed = Page(FaceCache(editor)), next(seeds)
    plain, chosen = (State(seed, {"Smiling": 90}, to=seed, attempts=attempts) for attempts in (1, 8))
    for answer in (page.morph, page.png):
        assert answer(asking(plain))["src"] != answer(asking(chosen))["src"]
    faces = page.faces({"states": [asdict(plain), asdict(chosen)], "size": PICTURE_SIZE})
    for face, attempts in zip(faces, (1, 8), strict=True):
        assert face["src"] == jpeg_url(editor.render(seed, {"Smiling": 90}, size=512, attempts=attempts))
    mark = picture(page.png(asking(plain))["src"]).text["XML:com.adobe.xmp"]  # type: ignore[attr-defined]
    assert f"?seed={seed}&amp;Smiling=90&amp;attempts=1&amp;weights=" in mark


def test_answers_take_turns_and_the_one_that_finds_no_place_is_told() -> None:
    async def ask(count: int) -> list[Any]:
        answer = in_turn(lambda given: [*given], Turns(at_once=1, places=2))
        return await asyncio.gather(*(answer({"state": 7}) for _ in range(count)), answer("nonsense"))

    assert asyncio.run(ask(2)) == [["state"], ["state"], []]
    *answered, refused = asyncio.run(ask(3))
    assert answered == [["state"]] * 3
    assert "2 requests are waiting already" in refused["error"]


def test_the_figure_tells_what_was_not_measured_from_what_did_not_change() -> None:
    method = {"mean_dependency": 0.1, "columns": ["A", "B"], "matrix": [[1.0, None], [0.0, 1.0]]}
    drawn = draw({"sliders": ["A", "B"], "methods": {"ours": method}})
    assert drawn.count('fill="#cccccc"') == drawn.count(">?<") == 1
    assert drawn.count(">0.0<") == 1


def test_figures_are_shown_for_the_weights_that_they_were_measured_on_only(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    method = {"mean_dependency": 0.125, "columns": ["Smiling"], "matrix": [[1.0]]}
    editing = {
        "methods": {"ours": method, "mean difference": method},
        "strongest_rival": {"name": "InterFaceGAN", "mean_dependency": 0.25},
        "overall": {"own": 3.25, "others": 0.375, "largest": 1.5},
        "sliders": {
            "Smiling": {
                "own": 3.0,
                "others": 0.5,
                "largest": 1.25,
                "largest_in": "Young",
                "mean_absolute_error": 4.25,
                "within_reach": 0.5,
            }
        },
        "compared": 64,
        "faces": 2000,
    }
    pictures = {"fd_attributes": {"value": 6.5, "samples": 10000, "note": "as it was measured"}}
    file = tmp_path / "figures.json"
    monkeypatch.setattr("expressions.figures.EMBEDDED_FIGURES", file)
    assert "published figures" in quality("ab")
    file.write_text(json.dumps({"weights": "ab", "editing": editing, "quality": pictures}))
    assert "published figures" in quality("cd")
    shown = quality("ab")
    for text in (
        "another by 0.38 on average; what changes most with any slider, by 1.50.",
        "this one moves another by 0.12 on average",
        "the best of the others, InterFaceGAN, by 0.25.",
        "<th scope=row>Smile</th><td>1.0</td>",
        "<td>3.00</td><td>0.50</td><td>1.25, Older to younger</td><td>4.2</td><td>50 %</td>",
        "2,000 seeds",
        "6.50",
        "as it was measured",
    ):
        assert text in shown
