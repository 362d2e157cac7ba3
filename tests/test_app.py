import io
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from app_server import PATIENCE, Server, serving, wait_until
from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

import app
from expressions import Editor
from expressions.attributes import SLIDERS

REPOSITORY = Path(__file__).parent.parent


# A server and a browser, shared by the tests -------------------------------------------------------


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Start `python app.py` on a free port, with these environment variables."""
    with ExitStack() as servers:

        def start(**variables: str) -> Server:
            return servers.enter_context(serving(REPOSITORY, tmp_path_factory.mktemp("server"), **variables))

        yield start


@pytest.fixture(scope="module")
def server(start: Any) -> Server:
    return start()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    names = ("chromium", "chromium-browser", "google-chrome")
    executable = next((path for name in names if (path := shutil.which(name))), None)
    if executable is None:
        pytest.fail(f"the page is tested in a real browser: install one of {', '.join(names)}")
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=flags)
        yield browser
        browser.close()


@dataclass
class Visit:
    """One visitor's tab, and everything it said or asked for."""

    page: Page
    editor: Editor
    console: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def open(self, url: str) -> None:
        self.page.set_default_timeout(1000 * PATIENCE)
        self.page.on("console", lambda message: self.console.append(message.text))
        self.page.on("pageerror", lambda error: self.console.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(url)
        self.page.wait_for_selector("#face img")
        self.settle()

    @property
    def seed(self) -> int:
        return int(self.page.get_by_label("Seed", exact=True).input_value())

    @property
    def sliders(self) -> dict[str, float]:
        """What the page shows, by attribute."""
        boxes = {name: self.page.get_by_label(f"number input for {label}") for name, label in app.LABELS.items()}
        return {name: float(box.input_value()) for name, box in boxes.items() if name in self.editor.attributes}

    def slider(self, label: str) -> Any:
        return self.page.get_by_label(f"range slider for {label}")

    def button(self, name: str) -> Any:
        return self.page.get_by_role("button", name=name, exact=True)

    @property
    def remark(self) -> str:
        return self.page.inner_text("#remark")

    def picture(self) -> bytes:
        """The file that the page shows."""
        source = self.page.get_attribute("#face img", "src")
        assert source is not None
        return self.page.request.get(source).body()

    def expected(self) -> bytes:
        """The pixels of what the page should show, by the seed and the sliders that it shows."""
        own = own_values(self.editor, self.seed)
        moved = {name: value for name, value in self.sliders.items() if value != own[name]}
        return self.editor.render(self.seed, moved, size=512).tobytes()

    def is_right(self) -> bool:
        return Image.open(io.BytesIO(self.picture())).tobytes() == self.expected()

    def settle(self) -> None:
        """Wait for the picture that belongs to seed and sliders, and see that it stays."""
        wait_until(self.is_right, f"the picture of seed {self.seed} with {self.sliders}")
        self.page.wait_for_timeout(300)
        assert self.is_right()


@pytest.fixture
def visit(server: Server, browser: Browser, editor: Editor) -> Iterator[Visit]:
    """A visitor on the page; in the end the console was silent and no request left the machine."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    visit = Visit(page, editor)
    visit.open(server.url)
    yield visit
    page.close()
    assert visit.console == []
    assert [url for url in visit.requests if not url.startswith((server.url, "data:", "blob:"))] == []


def own_values(editor: Editor, seed: int) -> dict[str, int]:
    values = editor.measure(editor.synthesize(editor.latents(seed)))[0]
    return {name: round(value) for name, value in zip(editor.attributes, values.tolist(), strict=True)}


def is_unedited(visit: Visit) -> bool:
    own = own_values(visit.editor, visit.seed)
    return all(own[name] == value for name, value in visit.sliders.items())


# The page -----------------------------------------------------------------------------------------


def test_the_page_opens_with_a_large_face_its_own_values_and_a_name_for_everything(visit: Visit) -> None:
    size = visit.page.evaluate("(face => [face.naturalWidth, face.clientWidth])(document.querySelector('#face img'))")
    assert size[0] == 512
    assert size[1] >= 380
    assert len(visit.sliders) == len(SLIDERS)
    assert is_unedited(visit)
    assert visit.remark == ""
    text = visit.page.inner_text("body")
    assert "no such person exists" in text
    assert "0 is the lowest 1 % of random faces, 100 the highest 1 %" in text
    assert "synthetic face" in (visit.page.get_attribute("#face img", "alt") or "")
    assert all(visit.button(name).is_visible() for name in ("Previous", "Next", "Random", "Reset"))
    assert all(visit.slider(label).is_visible() for label in app.LABELS.values())
    assert all(name in text for name in app.LABELS)


def test_a_drag_ends_on_the_picture_of_its_last_value(visit: Visit) -> None:
    smile = visit.slider("Smile")
    before, started = visit.picture(), visit.sliders
    box = smile.bounding_box()
    middle = box["y"] + box["height"] / 2
    visit.page.mouse.move(box["x"] + box["width"] * started["Smiling"] / 100, middle)
    visit.page.mouse.down()
    for step in range(40):
        visit.page.mouse.move(box["x"] + box["width"] * step / 40, middle)
    visit.page.mouse.move(box["x"] + box["width"] * 0.1, middle)
    visit.page.mouse.up()
    visit.settle()
    assert visit.sliders["Smiling"] == pytest.approx(10, abs=2)
    assert visit.sliders == started | {"Smiling": visit.sliders["Smiling"]}
    assert visit.picture() != before


def test_what_changed_is_shown_for_every_attribute_the_asked_one_first(visit: Visit) -> None:
    visit.page.get_by_role("button", name="What changed").click()
    rows = visit.page.locator("#changes tbody tr")
    expect(rows).to_have_count(len(visit.editor.attributes))
    before = {row.split("\t")[0]: row.split("\t")[1:] for row in rows.all_inner_texts()}
    assert all(cells[0] == cells[1] and cells[2] == "0" for cells in before.values())
    visit.slider("Smile").fill("90")
    visit.settle()
    label, old, new, change = rows.first.inner_text().split("\t")
    edited = visit.editor.edit(visit.editor.latents(visit.seed), {"Smiling": 90.0})
    values = visit.editor.measure(visit.editor.synthesize(edited))[0]
    assert (label, old) == ("Smile", before["Smile"][0])
    assert int(new) == round(values[visit.editor.attributes.index("Smiling")].item())
    assert change == f"{int(new) - int(old):+d}"


def test_arrow_keys_alone_edit_the_face(visit: Visit) -> None:
    started = visit.sliders
    visit.page.get_by_label("Seed", exact=True).focus()
    while visit.page.evaluate("document.activeElement.getAttribute('aria-label')") != "range slider for Glasses":
        visit.page.keyboard.press("Tab")
    assert visit.page.evaluate("getComputedStyle(document.activeElement).outlineWidth") == "3px"
    for _ in range(5):
        visit.page.keyboard.press("ArrowRight")
    visit.settle()
    assert visit.sliders == started | {"Eyeglasses": started["Eyeglasses"] + 5}


def test_several_sliders_are_asked_together(visit: Visit) -> None:
    for label, value in (("Smile", 90), ("Older to younger", 20), ("Darker to lighter skin", 60)):
        visit.slider(label).fill(str(value))
    visit.settle()
    assert {**visit.sliders, "Smiling": 90, "Young": 20, "Skin_Tone": 60} == visit.sliders


def test_reset_gives_the_face_back_bit_for_bit_as_often_as_asked(visit: Visit) -> None:
    before, started = visit.picture(), visit.sliders
    for value in ("95", "3"):
        visit.slider("Smile").fill(value)
        visit.settle()
        visit.button("Reset").click()
        wait_until(lambda: visit.sliders == started, "the sliders to go back")
        visit.settle()
        assert visit.picture() == before
        assert visit.remark == ""


def test_every_way_to_a_seed_brings_an_unedited_face(visit: Visit) -> None:
    for name, step in (("Next", 1), ("Next", 2), ("Previous", 1)):
        visit.slider("Smile").fill("100" if visit.sliders["Smiling"] < 50 else "0")
        visit.button(name).click()
        wait_until(lambda: is_unedited(visit), "the sliders of the new face")
        visit.settle()
        assert visit.seed == app.FIRST_SEED + step
    visit.page.get_by_label("Seed", exact=True).fill("4294967295")
    wait_until(lambda: is_unedited(visit), "the sliders of the typed seed")
    visit.settle()
    visit.button("Next").click()
    wait_until(lambda: visit.seed == 0 and is_unedited(visit), "the first seed after the last")
    visit.button("Previous").click()
    wait_until(lambda: visit.seed == 4294967295 and is_unedited(visit), "the last seed before the first")
    visit.button("Random").click()
    wait_until(lambda: visit.seed != 4294967295 and is_unedited(visit), "the sliders of a random seed")
    visit.settle()


def test_no_click_and_no_move_is_lost_in_a_hurry(visit: Visit) -> None:
    for _ in range(6):
        visit.button("Next").click()
    assert visit.seed == app.FIRST_SEED + 6
    wait_until(lambda: is_unedited(visit), "the sliders of the last face")
    visit.settle()
    visit.slider("Smile").fill("12")
    visit.slider("Fringe").fill("88")
    visit.button("Reset").click()
    visit.button("Next").click()
    wait_until(lambda: is_unedited(visit), "the sliders of the next face")
    visit.settle()


def test_a_seed_that_is_none_leaves_the_face_and_says_the_rule(visit: Visit) -> None:
    before = visit.picture()
    seed = visit.page.get_by_label("Seed", exact=True)
    for typed in ("-1", "1e20", "4294967296", "1.5", ""):
        seed.fill(typed)
        wait_until(lambda: "from 0 to 4294967295" in visit.remark, "the rule")
        assert visit.picture() == before
        seed.fill(str(app.FIRST_SEED))
        wait_until(lambda: visit.remark == "", "the rule to go")
    assert visit.picture() == before
    visit.settle()


def test_a_slider_box_takes_any_text_without_an_error(visit: Visit) -> None:
    box = visit.page.get_by_label("number input for Smile")
    for typed in ("150", "-3", "", "40"):
        box.fill(typed)
    box.blur()
    visit.settle()
    assert visit.sliders["Smiling"] == 40
    box.fill("150")
    box.blur()
    wait_until(lambda: visit.sliders["Smiling"] == 100, "the value to be drawn into its range")
    visit.settle()


def test_visitors_do_not_see_each_other(visit: Visit, server: Server, browser: Browser) -> None:
    other = Visit(browser.new_page(), visit.editor)
    other.open(server.url)
    other.button("Next").click()
    other.slider("Smile").fill("5")
    visit.slider("Smile").fill("95")
    for one, seed in ((visit, app.FIRST_SEED), (other, app.FIRST_SEED + 1)):
        one.settle()
        assert one.seed == seed
    other.page.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_phone_shows_the_face_above_the_sliders_and_nothing_sideways(
    server: Server, browser: Browser, editor: Editor, theme: str
) -> None:
    visit = Visit(browser.new_page(viewport={"width": 375, "height": 812}), editor)
    visit.open(f"{server.url}/?__theme={theme}")
    page = visit.page
    face = page.locator("#face img").bounding_box()
    slider = visit.slider("Smile").bounding_box()
    assert face is not None
    assert face["width"] >= 340
    assert face["y"] + face["height"] < slider["y"]
    assert page.evaluate("document.documentElement.scrollWidth") == 375
    visit.slider("Bearded to clean-shaven").scroll_into_view_if_needed()
    face = page.locator("#face img").bounding_box()
    assert face is not None
    assert 0 <= face["y"] < 40  # it stays in view while the last slider is moved
    visit.slider("Smile").focus()
    page.wait_for_timeout(200)
    slider = visit.slider("Smile").bounding_box()
    assert slider["y"] > face["y"] + face["height"]  # what has the focus does not hide behind the face
    background = page.evaluate("getComputedStyle(document.querySelector('#portrait')).backgroundColor")
    shades = [int(part) for part in background.removeprefix("rgb(").removesuffix(")").split(",")]
    assert (max(shades) < 64) if theme == "dark" else (min(shades) > 192)
    assert visit.console == []
    page.close()


def test_motion_stops_for_those_who_ask(server: Server, browser: Browser, editor: Editor) -> None:
    visit = Visit(browser.new_page(reduced_motion="reduce"), editor)
    visit.open(server.url)
    moving = "[...document.querySelectorAll('*')].filter(e => getComputedStyle(e).transitionDuration !== '0s').length"
    assert visit.page.evaluate(moving) == 0
    visit.page.close()


# What the page is made of -------------------------------------------------------------------------

NUISANCES = [None, "x", "", float("nan"), float("inf"), float("-inf"), 1e20, -1, 1.5, True, [], {}, 10**400]


@pytest.mark.parametrize("nuisance", NUISANCES, ids=lambda value: repr(value)[:8])
def test_no_value_makes_the_page_raise(editor: Editor, nuisance: object) -> None:
    faces = app.Faces(editor)
    count = len(faces.attributes)
    answers = [
        faces.show(nuisance, 0, 7, 0, *[50] * count),
        faces.show(7, nuisance, nuisance, nuisance, *[50] * count),
        faces.show(7, 0, 7, 0, *[nuisance] * count),
    ]
    for picture, _, _, *sliders, seed, _ in answers:
        assert picture.size == (512, 512)
        assert len(sliders) == count
        assert seed == int(seed)
        assert 0 <= seed <= 2**32 - 1


def test_a_missed_target_is_named_with_the_reach_of_the_face_and_a_met_one_is_not(editor: Editor) -> None:
    faces = app.Faces(editor)
    low, high = editor.reach(editor.latents(7), "Smiling")[0].tolist()
    values = {"Smiling": 61.4, "Bangs": 88.0}
    text = faces.shortfall(7, {"Smiling": 90.0, "Bangs": 90.0}, values)
    assert text == f"As far as this face goes: Smile 61 (can show {low:.0f} to {high:.0f})."
    assert faces.shortfall(7, {"Bangs": 90.0}, values) == ""


def test_only_attributes_that_the_editor_has_get_a_slider() -> None:
    demo = app.build_demo(Editor(["Smiling", "Blurry"]))
    labels = [block.label for block in demo.blocks.values() if isinstance(block, app.gr.Slider)]
    assert labels == ["Smile", "Darker to lighter skin"]


def test_importing_the_page_loads_no_training_and_no_data() -> None:
    code = "import sys, app; print(*[name for name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "expressions.editor" in loaded
    assert loaded.isdisjoint({"expressions.training", "expressions.data", "expressions.metrics", "datasets"})


# Programs -----------------------------------------------------------------------------------------


def generate(visit: Visit, *data: object) -> tuple[str, Any]:
    """Call the endpoint as any HTTP client would: the name of the last event, and what came with it."""
    address = f"{visit.page.url.rstrip('/')}/gradio_api/call/generate"
    headers = {"Content-Type": "application/json"}
    begun = visit.page.request.post(address, data=json.dumps({"data": data}).encode(), headers=headers)
    if not begun.ok:
        return "error", begun.text()
    events = visit.page.request.get(f"{address}/{begun.json()['event_id']}").text().strip().splitlines()
    return events[-2].removeprefix("event: "), json.loads(events[-1].removeprefix("data: "))


def test_a_program_gets_the_face_it_asks_for(visit: Visit) -> None:
    for seed, attributes in ((3, {"Smiling": 80, "Bald": 10.5}), (4, {}), (5, None)):
        event, data = generate(visit, seed, attributes)
        assert event == "complete"
        picture = Image.open(io.BytesIO(visit.page.request.get(data[0]["url"]).body()))
        assert picture.tobytes() == visit.editor.render(seed, attributes, size=512).tobytes()


def test_a_program_that_asks_nonsense_gets_a_sentence_and_the_next_one_a_face(visit: Visit) -> None:
    nonsense: list[tuple[object, object, str]] = [
        *[(seed, {}, "whole number from 0 to 4294967295") for seed in NUISANCES[:-1]],
        (7, {"Smiling": float("nan")}, "from 0 to 100"),
        (7, {"Smiling": 1e20}, "from 0 to 100"),
        (7, {"Smiling": "90"}, "from 0 to 100"),
        (7, {"Smiling": None}, "from 0 to 100"),
        (7, {"Cheerful": 50}, "Cheerful"),
        (7, "Smiling", "by name"),
        (7, [90], "by name"),
    ]
    for seed, attributes, sentence in nonsense:
        event, data = generate(visit, seed, attributes)
        assert event == "error", (seed, attributes)
        assert sentence in str(data), (seed, attributes)
    assert generate(visit, 7, {})[0] == "complete"
    visit.slider("Smile").fill("30")
    visit.settle()


# Weights ------------------------------------------------------------------------------------------


def test_weights_that_cannot_be_loaded_leave_a_working_page_a_notice_and_a_reason(
    start: Any, browser: Browser, editor: Editor, tmp_path: Path
) -> None:
    (tmp_path / "config.json").write_text('{"attributes": ["Smiling"]}')
    server = start(EXPRESSIONS_MODEL=str(tmp_path))
    visit = Visit(browser.new_page(), editor)
    visit.open(server.url)
    assert visit.page.get_by_role("alert").inner_text() == app.FALLBACK_NOTICE
    assert str(tmp_path) not in visit.page.content()
    log = server.log.read_text()
    assert str(tmp_path) in log
    assert "no file model.safetensors" in log
    visit.page.close()


def test_weights_of_a_folder_are_the_ones_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    Editor(["Smiling"]).save_pretrained(tmp_path)
    monkeypatch.setenv("EXPRESSIONS_MODEL", str(tmp_path))
    loaded, notice = app.load_editor()
    assert loaded.attributes == ("Smiling", "Skin_Tone")
    assert notice == ""
