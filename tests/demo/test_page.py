import base64
import html
import io
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
import torch
from nuisances import NUISANCES
from PIL import Image
from synthetic_editor import random_chooser, synthetic_editor

from expressions import Editor
from expressions.demo import views
from expressions.demo.about import quality
from expressions.demo.faces import DRAFT_SIZE, THUMBNAIL_SIZE, FaceCache, data_url
from expressions.demo.heat_map import draw
from expressions.demo.page import IGNORED, NO_LINK, OTHER_WEIGHTS, Page
from expressions.demo.state import FIRST_SEED, VIEWS, State, parse_link, read_value
from expressions.demo.views import MAP, SHEET, STRIP

OPTIONS = ("face", "Smiling", "Smiling", "Male", 24, 8)


@pytest.fixture(scope="module")
def page(editor: Editor) -> Page:
    return Page(FaceCache(editor))


class Shown:
    """What an answer put on the page."""

    def __init__(self, answer: list[Any]) -> None:
        self.stage, self.remark, self.changes, self.marks, self.link, self.answered, *held = answer
        self.options, self.sliders = held[: len(OPTIONS)], held[len(OPTIONS) :]


def ask(
    page: Page,
    asked: str,
    answered: str = "",
    options: Sequence[object] = OPTIONS,
    sliders: Sequence[object] | None = None,
) -> Shown:
    return Shown(page.answer(asked, answered, *options, *(sliders or [50] * len(page.faces.attributes))))


def sliders_of(page: Page, seed: int, **moved: float) -> list[float]:
    """What the sliders hold while they show the own values of a face, but for those that were moved."""
    return list({**page.faces.own_values(seed), **moved}.values())


@pytest.fixture(scope="module")
def bearded(editor: Editor) -> tuple[int, float, float]:
    """A seed whose face keeps a part of its chin bare, with the reach of No_Beard."""
    reaches = ((seed, *editor.reach(editor.latents(seed), "No_Beard")[0].tolist()) for seed in range(100))
    return next(reach for reach in reaches if reach[1] > 20)


def test_a_request_opens_its_face_and_sets_every_slider(page: Page, editor: Editor) -> None:
    shown = ask(page, "1?seed=7&Smiling=90")
    own = page.faces.own_values(7)
    assert data_url(editor.render(7, {"Smiling": 90}, size=512)) in shown.stage
    assert shown.sliders == [{**own, "Smiling": 90}[name] for name in page.faces.attributes]
    assert shown.link == f"?seed=7&Smiling=90&weights={editor.fingerprint()}"
    assert shown.answered == f"1{shown.link}"


def test_sliders_are_asked_of_the_face_that_was_opened_and_stay_where_they_are(page: Page, editor: Editor) -> None:
    shown = ask(page, "2?rest", "1?seed=7", sliders=sliders_of(page, 7, Bangs=88))
    assert data_url(editor.render(7, {"Bangs": 88}, size=512)) in shown.stage
    assert all(position == gr.skip() for position in shown.sliders)
    assert shown.link == f"?seed=7&Bangs=88&weights={editor.fingerprint()}"
    assert shown.answered == f"2{shown.link}"


def test_a_value_that_a_link_asks_for_is_held_though_it_is_the_faces_own(page: Page, editor: Editor) -> None:
    own = page.faces.own_values(7)["Smiling"]
    targets = {"Smiling": own, "Male": 95}
    opened = ask(page, f"1?seed=7&Smiling={own}&Male=95")
    assert data_url(editor.render(7, targets, size=512)) in opened.stage
    assert data_url(editor.render(7, {"Male": 95}, size=512)) not in opened.stage
    at_rest = ask(page, "2?rest", opened.answered, sliders=opened.sliders)
    assert (at_rest.stage, at_rest.link) == (opened.stage, opened.link)
    sliders = [*opened.sliders]
    sliders[page.faces.attributes.index("Smiling")] = 40
    moved = ask(page, "3?rest", at_rest.answered, sliders=sliders)
    put_back = ask(page, "4?rest", moved.answered, sliders=opened.sliders)
    assert put_back.link == f"?seed=7&Male=95&weights={editor.fingerprint()}"


def test_a_draft_looks_as_the_sketch_of_an_edit(page: Page, editor: Editor) -> None:
    face = editor.look(editor.latents(7))
    sketch = editor.synthesize(editor.sketch(face, {"Bangs": 88}))[0]
    assert (page.faces.draft(7, {"Bangs": 88}) - sketch).abs().max() < 10 / 127.5  # grey levels
    assert (face.image[0] - sketch).abs().max() > 20 / 127.5


def test_a_drag_is_followed_by_drafts(page: Page, editor: Editor) -> None:
    sliders = sliders_of(page, 7, Bangs=88)
    draft = data_url(editor.picture(page.faces.draft(7, {"Bangs": 88}), DRAFT_SIZE))
    for view, count in (("face", 1), ("compare", 2)):
        stage = page.draft("1?seed=9", "1?seed=7", view, *OPTIONS[1:], *sliders)
        assert draft in stage
        assert stage.count("<img") == count
        assert stage.count(" data-draft>") == 1


@pytest.mark.parametrize(("asked", "view"), [("1?seed=7", "sheet"), ("2?seed=8", "face")])
def test_no_draft_where_several_faces_are_shown_or_another_answer_is_on_its_way(
    page: Page, asked: str, view: str
) -> None:
    assert page.draft(asked, "1?seed=7", view, *OPTIONS[1:], *sliders_of(page, 7, Bangs=88)) == gr.skip()


def test_a_drag_back_to_where_it_began_and_an_event_that_comes_late_bring_the_face_itself(page: Page) -> None:
    sliders = sliders_of(page, 7, Bangs=88.125)
    shown = ask(page, "2?rest", "1?seed=7", sliders=sliders)
    assert page.draft("2?rest", shown.answered, *OPTIONS, *sliders) == shown.stage


@pytest.mark.parametrize(
    ("query", "remark"),
    [
        ("seed=-1", "from 0 to 4294967295. This is still face 7."),
        ("link=none", NO_LINK),
        (f"seed=9&x={'a' * 5000}", "more than 4000 characters. This is still face 7."),
        ("seed=8&weights=0", OTHER_WEIGHTS),
        ("seed=8&Bald=10&Smiling=x", f"{IGNORED} Bald, Smile."),
        ("seed=08", '<p role="status"></p>'),
    ],
)
def test_what_cannot_be_opened_is_said(page: Page, query: str, remark: str) -> None:
    shown = ask(page, f"2?{query}", "1?seed=7", sliders=sliders_of(page, 7))
    assert remark in shown.remark
    assert parse_link(shown.link, (), State())[0].seed == (8 if "8" in query else 7)


@pytest.mark.slow
def test_a_morph_to_what_is_no_seed_stays_as_it_is_and_says_so(page: Page) -> None:
    own = sliders_of(page, 7)
    first = ask(page, "1?seed=7&view=morph&to=8")
    for nuisance in (None, 1.5, 99999999999):
        shown = ask(page, "2?rest", first.answered, ("morph", *OPTIONS[1:4], nuisance, 8), own)
        assert "from 0 to 4294967295. This still goes to face 8." in shown.remark
        assert (shown.stage, shown.link) == (first.stage, first.link)
    shown = ask(page, "2?rest", first.answered, ("morph", *OPTIONS[1:4], 9, 8), own)
    assert "seed" not in shown.remark.lower()
    assert "to=9" in shown.link


def test_what_was_not_reached_is_said_beside_what_was_not_understood(
    page: Page, bearded: tuple[int, float, float]
) -> None:
    seed, *_ = bearded
    shown = ask(page, f"1?seed={seed}&No_Beard=0&weights=0")
    assert f"{OTHER_WEIGHTS} {views.shortfall(page.faces, State(seed, {'No_Beard': 0}))}<" in shown.remark


def test_the_same_remark_of_another_face_is_another_one(page: Page) -> None:
    first, second = (ask(page, f"1?seed={seed}&weights=0").remark for seed in (7, 8))
    assert first != second
    assert first.partition(">")[2] == second.partition(">")[2]


def test_a_link_that_opens_no_face_shows_the_first_one_and_says_so(page: Page) -> None:
    shown = ask(page, "1?seed=-1")
    assert f"from 0 to 4294967295. Showing face {FIRST_SEED} instead." in shown.remark
    assert f"?seed={FIRST_SEED}&" in shown.link


@pytest.mark.parametrize("nuisance", NUISANCES, ids=lambda value: repr(value)[:8])
def test_no_value_makes_the_page_raise(page: Page, nuisance: object) -> None:
    count = len(page.faces.attributes)
    for held in (
        [nuisance, "1?seed=7", *[nuisance] * 6, *[50] * count],
        ["1?seed=7", nuisance, *OPTIONS, *[nuisance] * count],
        ["2?rest", "1?seed=7", *OPTIONS, *[nuisance] * count],
    ):
        shown = Shown(page.answer(*held))
        assert "data:image/jpeg" in shown.stage
        assert shown.link.startswith("?seed=")
    assert "<img" in Shown(page.answer("1?seed=7", "1?seed=7", *[nuisance] * 6, *[nuisance] * count)).stage
    assert page.draft("1?seed=7", nuisance, *[nuisance] * 6, *[nuisance] * count) == gr.skip()
    is_moved = read_value(nuisance) is not None
    draft = page.draft("1?seed=7", "1?seed=7", "face", *[nuisance] * 5, *[nuisance] * count)
    assert "<img" in draft
    assert (" data-draft" in draft) == is_moved
    _, data = page.download(64, nuisance, *[nuisance] * count).split("|")
    assert Image.open(io.BytesIO(base64.b64decode(data))).size == (64, 64)


@pytest.mark.parametrize(
    ("state", "count"),
    [
        (State(7, {"Smiling": 90}), 1),
        (State(7, {"Smiling": 90}, "compare"), 2),
        (State(7, {"Smiling": 90}, "strip", strip="Young"), len(STRIP)),
        pytest.param(
            State(7, {"Smiling": 90}, "map", across="Young", down="Bangs"), len(MAP) ** 2, marks=pytest.mark.slow
        ),
        (State(7, {"Smiling": 90}, "map", across="Young", down="Young"), 0),
        (State(7, {"Smiling": 90}, "morph", to=8), 1),
        (State(7, {"Smiling": 90}, "sheet"), SHEET),
    ],
    ids=lambda given: getattr(given, "view", given),
)
def test_a_view_shows_as_many_faces_as_it_promises(page: Page, state: State, count: int) -> None:
    assert views.stage(page.faces, state).count("<img") == count


@pytest.mark.slow
def test_a_choice_is_called_by_what_was_asked_and_what_it_shows(page: Page) -> None:
    shown = views.stage(page.faces, State(7, {"Smiling": 90}, "map", across="Young", down="Bangs"))
    names = re.findall(r'aria-label="Take Older to younger \d+, Fringe \d+; measured (\d+ / \d+)"', shown)
    assert names == re.findall(r"<span>(\d+ / \d+)</span>", shown)
    assert len(names) == len(MAP) ** 2


@pytest.mark.slow
def test_a_face_of_a_filmstrip_or_a_map_is_the_one_that_a_click_on_it_opens(page: Page) -> None:
    seed = next(seed for seed in range(1000) if page.faces.own_values(seed)["Smiling"] in MAP)  # of which none is lost
    for view, count in (("strip", len(STRIP)), ("map", len(MAP) ** 2)):
        state = State(seed, {"Male": 95}, view, strip="Smiling", across="Smiling", down="Bangs")
        options = (view, "Smiling", "Smiling", "Bangs", 24, 8)
        cells = re.findall(r'data-link="([^"]*)".*?<img src="([^"]*)"', views.stage(page.faces, state))
        assert len(cells) == count
        for link, picture in cells:
            opened = ask(page, f"2?{html.unescape(link)}", f"1?seed={seed}", options)
            at_rest = ask(page, "3?rest", opened.answered, options, opened.sliders)
            targets = parse_link(at_rest.link, page.faces.attributes, State())[0].targets
            assert picture == data_url(page.faces.editor.picture(page.faces.face(seed, targets).image, THUMBNAIL_SIZE))
            assert opened.options == list(options)


def test_a_morph_starts_at_one_face_and_ends_at_the_other(page: Page, editor: Editor) -> None:
    pictures = page.faces.morph(7, 8, {}, count=5)
    assert len(pictures) == 5
    for picture, seed in ((pictures[0], 7), (pictures[-1], 8)):
        expected = editor.render(seed, {}, size=picture.width)
        difference = [abs(a - b) for a, b in zip(picture.tobytes(), expected.tobytes(), strict=True)]
        assert max(difference) <= 2  # a batch rounds differently


def test_the_sheet_goes_on_from_the_last_seed_to_the_first(page: Page) -> None:
    seeds = re.findall(r'aria-label="Open face (\d+)"', views.stage(page.faces, State(4294967294, view="sheet")))
    assert seeds[:4] == ["4294967294", "4294967295", "0", "1"]


def test_a_missed_target_is_named_with_the_reach_of_the_face_and_a_met_one_is_not(
    page: Page, bearded: tuple[int, float, float]
) -> None:
    seed, low, high = bearded
    met, missed = State(seed, {"Skin_Tone": 50}), State(seed, {"No_Beard": 0})
    assert views.shortfall(page.faces, met) == views.reach(page.faces, met) == ""
    assert views.shortfall(page.faces, missed) == f"Not fully reached: Bearded to clean-shaven {low:.0f} (asked 0)."
    sentence = f"Moved on its own, Bearded to clean-shaven reaches {low:.0f} to {high:.0f} on this face."
    assert views.reach(page.faces, missed) == sentence
    own = page.faces.own_values(seed)["Skin_Tone"]
    shown = ask(page, f"1?seed={seed}&No_Beard=0&Skin_Tone={own}")
    assert "Bearded" in shown.remark
    assert "skin" not in shown.remark
    assert sentence in page.explain(shown.answered, *shown.sliders)


def test_several_missed_targets_are_one_sentence(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page.faces, "missed", lambda *_: {"Smiling": 12.4, "Eyeglasses": 7.0})
    monkeypatch.setattr(page.faces, "reach", lambda *_: (1.0, 80.4))
    state = State(7, {"Smiling": 90, "Eyeglasses": 99.5})
    assert views.shortfall(page.faces, state) == "Not fully reached: Smile 12 (asked 90), Glasses 7 (asked 99.5)."
    assert views.reach(page.faces, state) == (
        "Each moved on its own, Smile reaches 1 to 80, Glasses reaches 1 to 80 on this face."
    )


def test_a_download_opens_the_face_it_came_from(page: Page) -> None:
    name, data = page.download(64, "1?seed=7", *sliders_of(page, 7, Smiling=90)).split("|")
    assert name == "expressions-7-64.png"
    picture = Image.open(io.BytesIO(base64.b64decode(data)))
    assert picture.size == (64, 64)
    assert f"?seed=7&amp;Smiling=90&amp;weights={page.faces.weights}" in picture.text["XML:com.adobe.xmp"]  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def choosy() -> tuple[Page, int]:
    """A page whose editor has a chooser, and a seed whose first draw is not the one that it takes."""
    editor = synthetic_editor()
    editor.chooser = random_chooser()
    seeds = (seed for seed in range(100) if not torch.equal(editor.latents(seed), editor.latents(seed, attempts=1)))
    return Page(FaceCache(editor)), next(seeds)


def test_a_link_may_ask_for_the_plain_draw_and_the_choice_of_the_page_takes_over_with_its_own_values(
    choosy: tuple[Page, int],
) -> None:
    page, seed = choosy
    weights, editor = page.faces.weights, page.faces.editor
    plain = ask(page, f"1?seed={seed}&Bangs=90&attempts=1")
    assert data_url(editor.render(seed, {"Bangs": 90}, size=512, attempts=1)) in plain.stage
    assert plain.link == f"?seed={seed}&Bangs=90&attempts=1&weights={weights}"
    assert plain.options[-1] == 1
    at_rest = ask(page, "2?rest", plain.answered, (*OPTIONS[:-1], 1), plain.sliders)
    assert (at_rest.stage, at_rest.link) == (plain.stage, plain.link)
    chosen = ask(page, "3?rest", at_rest.answered, sliders=plain.sliders)
    assert data_url(editor.render(seed, {"Bangs": 90}, size=512)) in chosen.stage
    assert chosen.link == f"?seed={seed}&Bangs=90&weights={weights}"
    own = page.faces.own_values(seed)
    assert own != page.faces.own_values(seed, 1)
    assert chosen.sliders == [{**own, "Bangs": 90}[name] for name in page.faces.attributes]
    assert ask(page, f"4?seed={seed}", plain.answered, (*OPTIONS[:-1], 1)).options[-1] == 8  # of a link without it


def test_every_view_every_draft_and_every_download_follows_the_choice(choosy: tuple[Page, int]) -> None:
    page, seed = choosy
    for view in VIEWS:
        plain, chosen = (State(seed, {"Smiling": 90}, view, to=seed, attempts=attempts) for attempts in (1, 8))
        assert views.stage(page.faces, plain) != views.stage(page.faces, chosen)
    cells = re.findall(
        r'data-link="([^"]*)".*?<img src="([^"]*)"', views.stage(page.faces, replace(plain, view="sheet"))
    )
    for link, picture in cells:
        state = parse_link(html.unescape(link), page.faces.attributes, plain)[0]
        look = page.faces.face(state.seed, state.targets, 1)
        assert (state.view, state.attempts) == ("face", 1)
        assert picture == data_url(page.faces.editor.picture(look.image, THUMBNAIL_SIZE))
    drafts = {
        page.draft("1?a", f"1?{state.link('')}", *OPTIONS[:-1], state.attempts, *[80] * 6) for state in (plain, chosen)
    }
    assert len(drafts) == 2
    _, data = page.download(64, f"1?seed={seed}&attempts=1", *page.faces.own_values(seed, 1).values()).split("|")
    picture = Image.open(io.BytesIO(base64.b64decode(data)))
    assert picture.tobytes() == page.faces.editor.render(seed, attempts=1).tobytes()
    assert f"?seed={seed}&amp;attempts=1&amp;weights=" in picture.text["XML:com.adobe.xmp"]  # type: ignore[attr-defined]


def test_what_may_go_along_with_a_slider_is_said_beside_its_change() -> None:
    before = {"Smiling": 10.0, "High_Cheekbones": 20.0, "Male": 30.0}
    table = views.changes(before, {"Smiling": 90.0, "High_Cheekbones": 70.0, "Male": 29.0}, ["Smiling"])
    rows = re.findall(r"<tr[^>]*><th scope=row>(.*?)</th><td>(\d+)</td><td>(\d+)</td><td>(.*?)</td></tr>", table)
    assert rows == [
        ("Smile", "10", "90", "+80"),
        ("High Cheekbones <small>may go along</small>", "20", "70", "+50"),
        ("Feminine to masculine", "30", "29", "\N{MINUS SIGN}1"),
    ]


def test_names_of_foreign_weights_are_text() -> None:
    values = {"<img src=x>": 50.0}
    assert "&lt;img src=x&gt;" in views.changes(values, values, [])


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
