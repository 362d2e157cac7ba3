import base64
import functools
import html
import http.server
import io
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from gradio_client import Client
from PIL import Image
from playwright.sync_api import Browser, Page, Route, expect
from servers import Server, browsing

import app
from expressions import Editor
from expressions.attributes import SLIDERS
from expressions.demo.api import MOST_SEEDS
from expressions.demo.faces import DRAFT_SIZE, data_url
from expressions.demo.state import FIRST_SEED
from expressions.demo.views import ALT

REPOSITORY = Path(__file__).parents[2]
PATIENCE = 120  # seconds for what takes one or two on an idle machine
ANSWERED = "html:not([data-opening]) #face img"  # what a visitor sees when the first answer is there


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    expect.set_options(timeout=1000 * PATIENCE)
    with browsing(["--host-resolver-rules=MAP *.hf.space 127.0.0.1"]) as browser:  # a Space is on this machine
        yield browser


def wait_until(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"waited {PATIENCE} s for {what}")
        time.sleep(0.1)


def file_of(url: str) -> bytes:
    """What a data URL holds."""
    return base64.b64decode(url.partition(",")[2])


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
        self.page.wait_for_selector(ANSWERED)
        self.settle()

    @property
    def address(self) -> str:
        """What the address bar shows; `page.url` lags behind unless something else is asked of the page."""
        return self.page.evaluate("location.href")

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

    def view(self, name: str) -> None:
        self.page.get_by_role("radio", name=name, exact=True).check(force=True)

    def unfold(self, name: str) -> None:
        self.page.get_by_role("button", name=name).click()

    def button(self, name: str) -> Any:
        return self.page.get_by_role("button", name=name, exact=True)

    @property
    def remark(self) -> str:
        return self.page.inner_text("#remark")

    def picture(self) -> bytes:
        """The file that the page shows."""
        return file_of(self.page.locator("#face img").last.get_attribute("src") or "")

    def expected(self) -> bytes:
        """The file of what the page should show, by the seed and the sliders that it shows."""
        own = own_values(self.editor, self.seed)
        moved = {name: value for name, value in self.sliders.items() if value != own[name]}
        return file_of(data_url(self.editor.render(self.seed, moved, size=512)))

    def is_right(self) -> bool:
        return self.picture() == self.expected()

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
    end = 10 if started["Smiling"] > 50 else 90
    box = smile.bounding_box()
    middle = box["y"] + box["height"] / 2
    visit.page.mouse.move(box["x"] + box["width"] * started["Smiling"] / 100, middle)
    visit.page.mouse.down()
    for step in range(40):
        visit.page.mouse.move(box["x"] + box["width"] * step / 40, middle)
    visit.page.mouse.move(box["x"] + 9 + (box["width"] - 18) * end / 100, middle)  # of the thumb's middle
    visit.page.mouse.up()
    visit.settle()
    assert visit.sliders["Smiling"] == pytest.approx(end, abs=2)
    assert visit.sliders == started | {"Smiling": visit.sliders["Smiling"]}
    assert visit.picture() != before


def test_what_changed_is_shown_for_every_attribute_the_asked_one_first(visit: Visit) -> None:
    visit.unfold("What changed")
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
    wait_for_link(visit, seed=FIRST_SEED + 6, Smiling=12, Bangs=88)
    visit.button("Reset").click()
    visit.button("Next").click()
    visit.view("Compare")
    wait_until(lambda: visit.seed == app.FIRST_SEED + 7 and is_unedited(visit), "the sliders of the next face")
    visit.settle()


# Collects every draft that is shown.
WATCH_DRAFTS = """
    window.drafts = [];
    new MutationObserver(() => {
        const draft = document.querySelector("#face [data-draft]");
        if (draft) window.drafts.push(draft.src);
    }).observe(document.querySelector("#face"), {subtree: true, childList: true});
"""


def test_a_drag_is_followed_by_drafts_and_ends_in_the_face_itself(visit: Visit) -> None:
    slider = visit.slider("Smile").bounding_box()
    assert slider is not None
    middle = slider["y"] + slider["height"] / 2
    visit.page.mouse.move(slider["x"] + slider["width"] * 0.2, middle)
    visit.page.mouse.down()
    visit.page.evaluate(WATCH_DRAFTS)
    for share in range(20, 80, 2):
        visit.page.mouse.move(slider["x"] + slider["width"] * share / 100, middle)
    wait_until(lambda: visit.page.evaluate("window.drafts"), "a draft")
    for draft in visit.page.evaluate("window.drafts"):
        assert Image.open(io.BytesIO(file_of(draft))).width == DRAFT_SIZE
    visit.settle()  # a drag that rests
    visit.page.mouse.up()
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
    folds = page.locator(".fold").evaluate_all("folds => folds.map(fold => fold.scrollWidth - fold.clientWidth)")
    assert folds == [0] * 4
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


# Views, links, pictures ----------------------------------------------------------------------------


def link(visit: Visit) -> dict[str, str]:
    """The fields of the address, without the weights."""
    fields = dict(parse_qsl(urlsplit(visit.address).query))
    assert fields.pop("weights") == visit.editor.fingerprint()
    return fields


def wait_for_link(visit: Visit, **fields: object) -> None:
    expected = {name: str(value) for name, value in fields.items()}
    wait_until(lambda: link(visit) == expected, f"the address to hold {expected}")


def test_a_click_in_a_filmstrip_or_a_map_sets_the_sliders(visit: Visit) -> None:
    visit.view("Filmstrip")
    expect(visit.page.locator("#face [data-link]")).to_have_count(9)
    visit.page.get_by_label("Take Smile 88").click()
    wait_for_link(visit, seed=FIRST_SEED, Smiling=88, view="strip", strip="Smiling")
    visit.view("Map")
    expect(visit.page.locator("#face [data-link]")).to_have_count(25)
    visit.page.get_by_label("Take Smile 25, Feminine to masculine 100").click()
    wait_for_link(visit, seed=FIRST_SEED, Smiling=25, Male=100, view="map", across="Smiling", down="Male")
    visit.view("Face")
    visit.settle()
    assert (visit.sliders["Smiling"], visit.sliders["Male"]) == (25, 100)


def test_a_choice_of_attribute_changes_the_filmstrip(visit: Visit) -> None:
    visit.view("Filmstrip")
    visit.page.get_by_label("Filmstrip of").click()
    visit.page.get_by_role("option", name="Older to younger").click()
    wait_for_link(visit, seed=FIRST_SEED, view="strip", strip="Young")
    expect(visit.page.get_by_label("Take Older to younger 100")).to_be_visible()


def test_before_and_now_lie_under_a_wipe_that_follows_the_hand_and_the_keys(visit: Visit) -> None:
    visit.slider("Smile").fill("95")
    visit.view("Compare")
    images = visit.page.locator("#face .wipe img")
    expect(images).to_have_count(2)
    before, now = images.all()
    expect(now).to_have_attribute("alt", ALT)
    visit.settle()
    assert before.get_attribute("src") != now.get_attribute("src")
    wipe = visit.page.get_by_label("How much of the face before is shown")
    wipe.fill("30")
    wipe.press("ArrowRight")
    assert "31%" in now.evaluate("image => getComputedStyle(image).clipPath")
    visit.slider("Smile").fill("5")
    visit.settle()
    expect(wipe).to_have_value("31")


def test_a_sheet_opens_a_face_and_back_and_forward_go_through_those_seen(visit: Visit) -> None:
    expect(visit.button("Back")).to_be_disabled()
    visit.slider("Smile").fill("90")
    wait_for_link(visit, seed=FIRST_SEED, Smiling=90)
    visit.view("Sheet")
    expect(visit.page.locator("#face [data-link]")).to_have_count(24)
    visit.page.get_by_label(f"Open face {FIRST_SEED + 5}").click()
    wait_for_link(visit, seed=FIRST_SEED + 5)
    visit.settle()
    visit.button("Back").click()
    wait_for_link(visit, seed=FIRST_SEED, Smiling=90)
    visit.settle()
    assert visit.sliders["Smiling"] == 90
    expect(visit.button("Back")).to_be_disabled()
    visit.button("Forward").click()
    wait_for_link(visit, seed=FIRST_SEED + 5)


def test_presses_of_back_and_forward_in_a_hurry_forget_no_face(visit: Visit) -> None:
    for step in (1, 2, 3):
        visit.button("Next").click()
        wait_for_link(visit, seed=FIRST_SEED + step)
    visit.page.route("**/gradio_api/queue/join**", answer_slowly)
    hurry = """async name => {
        for (let press = 0; press < 3; press++) {
            document.querySelector(name).click();
            await new Promise(resolve => setTimeout(resolve, 100));
        }
    }"""
    visit.page.evaluate(hurry, "#back")
    wait_for_link(visit, seed=FIRST_SEED)
    expect(visit.button("Back")).to_be_disabled()
    visit.page.evaluate(hurry, "#forward")
    wait_for_link(visit, seed=FIRST_SEED + 3)
    expect(visit.button("Forward")).to_be_disabled()
    visit.button("Back").click()
    wait_for_link(visit, seed=FIRST_SEED + 2)
    visit.settle()


def answer_slowly(route: Route) -> None:
    time.sleep(1)
    route.continue_()


def test_a_seed_typed_digit_by_digit_is_one_face_seen(visit: Visit) -> None:
    seed = visit.page.get_by_label("Seed", exact=True)
    seed.fill("")
    for typed in ("7", "70", "705"):
        seed.press(typed[-1])
        wait_for_link(visit, seed=typed)
    visit.button("Back").click()
    wait_for_link(visit, seed=FIRST_SEED)
    expect(visit.button("Back")).to_be_disabled()
    visit.button("Forward").click()
    wait_for_link(visit, seed=705)
    visit.settle()


def test_next_goes_on_from_the_face_on_screen_where_no_seed_is_typed(visit: Visit) -> None:
    for typed, name, step in (("", "Next", 1), ("-1", "Previous", 0), ("1.5", "Reset", 0)):
        visit.page.get_by_label("Seed", exact=True).fill(typed)
        wait_until(lambda: "from 0 to 4294967295" in visit.remark, "the rule")
        visit.button(name).click()
        wait_until(lambda: visit.remark == "", "the rule to go")
        wait_for_link(visit, seed=FIRST_SEED + step)
        assert visit.seed == FIRST_SEED + step


def test_a_morph_is_a_loop_to_download(visit: Visit) -> None:
    visit.view("Morph")
    visit.page.get_by_label("Morph to seed").fill("99")
    wait_for_link(visit, seed=FIRST_SEED, view="morph", to=99)
    with visit.page.expect_download() as download:
        visit.page.get_by_role("link", name="Download this loop").click()
    assert download.value.suggested_filename == f"morph-{FIRST_SEED}-99.webp"
    with Image.open(download.value.path()) as loop:
        assert loop.n_frames > 24  # type: ignore[attr-defined]


def test_keys_do_what_the_buttons_do_but_not_while_a_number_is_typed(visit: Visit) -> None:
    visit.page.keyboard.press("n")
    wait_for_link(visit, seed=FIRST_SEED + 1)
    visit.page.keyboard.press("p")
    wait_for_link(visit, seed=FIRST_SEED)
    visit.slider("Smile").fill("90")
    wait_for_link(visit, seed=FIRST_SEED, Smiling=90)
    visit.slider("Smile").press("0")
    wait_for_link(visit, seed=FIRST_SEED)
    visit.page.keyboard.press("s")
    wait_until(lambda: link(visit)["seed"] != str(FIRST_SEED), "another face")
    seed = visit.page.get_by_label("Seed", exact=True)
    seed.fill("7")
    seed.press("0")
    wait_for_link(visit, seed=70)


def test_keys_go_by_the_letter_once_and_can_be_turned_off(visit: Visit) -> None:
    visit.page.keyboard.press("Shift+N")
    wait_for_link(visit, seed=FIRST_SEED + 1)
    visit.page.keyboard.down("n")
    for _ in range(5):
        visit.page.keyboard.down("n")  # as a key that is held repeats
    visit.page.keyboard.up("n")
    wait_for_link(visit, seed=FIRST_SEED + 2)
    visit.page.get_by_label("Keyboard shortcuts").uncheck()
    visit.page.keyboard.press("n")
    visit.settle()
    assert visit.seed == FIRST_SEED + 2
    visit.page.reload()
    visit.page.wait_for_selector(ANSWERED)
    expect(visit.page.get_by_label("Keyboard shortcuts")).not_to_be_checked()
    visit.page.keyboard.press("n")
    visit.settle()
    assert visit.seed == FIRST_SEED + 2
    visit.page.get_by_label("Keyboard shortcuts").check()
    visit.page.keyboard.press("n")
    wait_for_link(visit, seed=FIRST_SEED + 3)


def test_there_are_no_keys_where_they_cannot_be_turned_off(server: Server, browser: Browser, editor: Editor) -> None:
    context = browser.new_context(has_touch=True, is_mobile=True)
    visit = Visit(context.new_page(), editor)
    visit.open(server.url)
    expect(visit.page.get_by_label("Keyboard shortcuts")).to_be_hidden()
    visit.page.keyboard.press("n")
    visit.settle()
    assert visit.seed == FIRST_SEED
    context.close()


def test_keys_work_where_nothing_can_be_stored(server: Server, browser: Browser, editor: Editor) -> None:
    page = browser.new_page()
    page.add_init_script("Object.defineProperty(window, 'localStorage', {get() { throw new Error('forbidden'); }})")
    visit = Visit(page, editor)
    visit.open(server.url)
    page.keyboard.press("n")
    wait_for_link(visit, seed=FIRST_SEED + 1)
    page.get_by_label("Keyboard shortcuts").uncheck()
    page.keyboard.press("n")
    visit.settle()
    assert visit.seed == FIRST_SEED + 1
    page.close()


def test_one_slider_is_set_back_alone(visit: Visit) -> None:
    started = visit.sliders
    visit.slider("Smile").fill("95")
    visit.slider("Fringe").fill("95")
    wait_for_link(visit, seed=FIRST_SEED, Smiling=95, Bangs=95)
    visit.button("Reset Smile").click()
    wait_for_link(visit, seed=FIRST_SEED, Bangs=95)
    assert visit.sliders == started | {"Bangs": 95}
    visit.settle()


def test_a_link_brings_back_the_same_face_and_view_bit_for_bit(visit: Visit, server: Server, browser: Browser) -> None:
    visit.slider("Smile").fill("90")
    visit.slider("Fringe").fill("70")
    wait_for_link(visit, seed=FIRST_SEED, Smiling=90, Bangs=70)
    visit.settle()
    other = Visit(browser.new_page(), visit.editor)
    other.open(visit.address)
    assert other.sliders == visit.sliders
    assert other.picture() == visit.picture()
    other.page.goto(f"{server.url}/?seed=9&Smiling=900&Male=x&Cheerful=1&view=compare&__theme=dark")
    wait_until(lambda: "Smiling=100" in other.address, "the link to be read")
    other.settle()
    assert dict(parse_qsl(urlsplit(other.address).query)) == {
        "seed": "9", "Smiling": "100", "view": "compare", "weights": visit.editor.fingerprint(), "__theme": "dark",
    }  # fmt: skip
    other.page.goto(f"{server.url}/?seed=7&seed=8")
    wait_until(lambda: "seed=8&" in other.address, "the last seed")
    other.settle()
    other.page.goto(f"{server.url}/?seed=-5")
    wait_until(lambda: "from 0 to 4294967295" in other.remark, "the rule")
    other.settle()
    other.page.close()


def test_the_link_and_the_embed_code_are_copied(visit: Visit, server: Server) -> None:
    visit.page.goto(f"{server.url}/?__theme=dark&__sign=x")
    wait_until(lambda: "weights=" in visit.address, "the answer")
    assert visit.address.endswith("&__theme=dark&__sign=x")
    visit.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    visit.unfold("Save and share")
    visit.button("Copy link").click()
    expect(visit.page.locator("#copy-link")).to_have_attribute("data-done", "Copied")
    shared = f"{server.url}/?seed={FIRST_SEED}&weights={visit.editor.fingerprint()}"
    assert visit.page.evaluate("navigator.clipboard.readText()") == shared
    visit.button("Copy embed code").click()
    expect(visit.page.locator("#copy-embed")).to_have_attribute("data-done", "Copied")
    code = visit.page.evaluate("navigator.clipboard.readText()")
    assert code.startswith(f'<iframe src="{html.escape(shared)}" ')


def test_what_opens_a_private_space_stays_in_the_address(server: Server, browser: Browser) -> None:
    page = browser.new_page()
    page.goto(f"{server.url.replace('127.0.0.1', 'a-space.hf.space')}/?seed=9&__theme=dark&__sign=x")
    page.wait_for_selector(ANSWERED)
    page.evaluate(
        """() => {
            window.posted = [];
            window.postMessage = (message) => message.queryString && window.posted.push(message.queryString);
            const frame = document.createElement("iframe");
            frame.src = location.href;
            document.body.append(frame);
        }"""
    )
    wait_until(lambda: page.evaluate("window.posted.length"), "the frame to tell its address")
    assert "__" not in page.evaluate("window.posted.join()")
    assert "seed=9" in page.evaluate("window.posted.join()")
    fields = dict(parse_qsl(urlsplit(page.evaluate("location.href")).query))
    assert fields.items() >= {"seed": "9", "__theme": "dark", "__sign": "x"}.items()
    page.close()


def test_a_saved_picture_is_marked_and_opens_its_face_again(visit: Visit, tmp_path: Path) -> None:
    visit.slider("Smile").fill("90")
    wait_for_link(visit, seed=FIRST_SEED, Smiling=90)
    visit.unfold("Save and share")
    with visit.page.expect_download() as download:
        visit.button("PNG, 256 pixels").click()
    saved = tmp_path / download.value.suggested_filename
    download.value.save_as(saved)
    assert saved.name == f"expressions-{FIRST_SEED}-256.png"
    with Image.open(saved) as picture:
        assert picture.tobytes() == visit.editor.render(FIRST_SEED, {"Smiling": 90.0}, size=256).tobytes()
        assert "trainedAlgorithmicMedia" in picture.text["XML:com.adobe.xmp"]  # type: ignore[attr-defined]
    visit.button("Next").click()
    wait_for_link(visit, seed=FIRST_SEED + 1)
    transfer = visit.page.evaluate_handle(
        """data => {
            const transfer = new DataTransfer();
            const bytes = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
            transfer.items.add(new File([bytes], "face.png", { type: "image/png" }));
            return transfer;
        }""",
        base64.b64encode(saved.read_bytes()).decode(),
    )
    visit.page.dispatch_event("body", "drop", {"dataTransfer": transfer})
    wait_for_link(visit, seed=FIRST_SEED, Smiling=90)
    visit.settle()
    Image.new("RGB", (8, 8)).save(tmp_path / "other.png")
    visit.page.set_input_files("#restore input", tmp_path / "other.png")
    wait_until(lambda: "no recipe" in visit.remark, "the reason")
    for _ in range(2):  # the same file twice
        visit.button("Next").click()
        wait_for_link(visit, seed=FIRST_SEED + 1)
        visit.page.set_input_files("#restore input", saved)
        wait_for_link(visit, seed=FIRST_SEED, Smiling=90)
    visit.settle()


@pytest.mark.parametrize(("query", "is_visible"), [("", True), ("?__theme=dark", True), ("?seed=9", False)])
def test_the_first_face_comes_with_the_page_and_a_link_waits_for_its_own(
    server: Server, browser: Browser, editor: Editor, query: str, is_visible: bool
) -> None:
    page = browser.new_page()
    page.route("**/gradio_api/queue/**", lambda _: None)  # no answer ever comes
    page.goto(f"{server.url}/{query}")
    face = page.locator("#face img")
    expect(face).to_have_attribute("src", data_url(editor.render(FIRST_SEED, {}, size=512)))
    expect(face).to_be_visible(visible=is_visible)
    page.close()


def test_a_link_that_is_not_answered_leaves_a_face_to_see(server: Server, browser: Browser) -> None:
    page = browser.new_page()
    full = {"detail": "Queue is full."}
    page.route("**/gradio_api/queue/join**", lambda route: route.fulfill(status=503, json=full))
    page.goto(f"{server.url}/?seed=9")
    expect(page.get_by_text("currently busy").first).to_be_visible()
    expect(page.locator("#face img")).to_be_visible()
    page.close()


def test_the_page_works_in_a_frame_of_another_origin(
    server: Server, browser: Browser, editor: Editor, tmp_path: Path
) -> None:
    (tmp_path / "index.html").write_text(
        f'<iframe src="{server.url}/?seed=9&Smiling=90" width="700" height="900"></iframe>'
    )
    handler = functools.partial(QuietHandler, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as host:
        threading.Thread(target=host.serve_forever, daemon=True).start()
        page = browser.new_page()
        page.goto(f"http://localhost:{host.server_port}/")  # localhost is another origin than 127.0.0.1
        frame = page.frame_locator("iframe")
        face = frame.locator("#face img")
        expect(face).to_be_visible()
        expected = data_url(editor.render(9, {"Smiling": 90}, size=512))
        expect(face).to_have_attribute("src", expected)
        frame.get_by_role("button", name="Next", exact=True).click()
        expected = data_url(editor.render(10, {}, size=512))
        expect(face).to_have_attribute("src", expected)
        assert "seed=10" in page.frames[1].evaluate("location.href")
        page.close()
        host.shutdown()


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    """Serves a folder, and says nothing of it."""

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_that_axe_knows_bars_anybody(server: Server, browser: Browser, editor: Editor, theme: str) -> None:
    visit = Visit(browser.new_page(), editor)
    visit.open(f"{server.url}/?seed={FIRST_SEED}&Smiling=100&__theme={theme}")
    for panel in ("What changed", "Save and share", "How good is it?", "About"):
        visit.unfold(panel)
    shown = {"Compare": "wipe", "Filmstrip": "strip", "Map": "map", "Morph": "single picture", "Sheet": "sheet"}
    for view, content in shown.items():
        visit.view(view)
        visit.page.wait_for_selector(f"#face .{content}")
        results = Axe().run(visit.page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]})
        found = [(rule["id"], node["html"]) for rule in results.response["violations"] for node in rule["nodes"]]
        assert found == [], results.generate_report()
    visit.page.close()


# What the page is made of -------------------------------------------------------------------------


def test_only_attributes_that_the_editor_has_get_a_slider() -> None:
    demo = app.build_demo(Editor(["Smiling", "Blurry"]))
    labels = [block.label for block in demo.blocks.values() if isinstance(block, app.gr.Slider)]
    assert labels == ["Smile", "Darker to lighter skin"]


def test_visitors_do_not_wait_for_programs(visit: Visit, server: Server) -> None:
    client = Client(server.url, verbose=False)
    many = MOST_SEEDS // 2
    jobs = [
        client.submit(seeds=list(range(start, start + many)), attributes={"Smiling": 90}, api_name="/batch")
        for start in range(10**6, 10**6 + (app.WORKERS + 1) * many, many)
    ]
    visit.button("Next").click()
    wait_for_link(visit, seed=FIRST_SEED + 1)
    assert sum(job.done() for job in jobs) < len(jobs) - 1  # in one queue with them it would wait for all but one
    assert all(len(job.result()) == many for job in jobs)
    client.close()


def test_importing_the_page_loads_no_training_and_no_data() -> None:
    code = "import sys, app; print(*[name for name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "expressions.editor" in loaded
    assert loaded.isdisjoint({"expressions.training", "expressions.publishing", "datasets"})


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


def test_a_revision_of_no_weights_is_told(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.delenv("EXPRESSIONS_MODEL", raising=False)
    monkeypatch.setenv("EXPRESSIONS_REVISION", "main")
    app.load_editor()
    assert "EXPRESSIONS_REVISION pins the weights that EXPRESSIONS_MODEL names: it names none" in caplog.text


def test_a_revision_of_a_folder_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    Editor(["Smiling"]).save_pretrained(tmp_path)
    monkeypatch.setenv("EXPRESSIONS_MODEL", str(tmp_path))
    monkeypatch.setenv("EXPRESSIONS_REVISION", "main")
    assert app.load_editor()[1] == app.FALLBACK_NOTICE
    assert "a revision belongs to weights on the Hub, and this is a folder" in caplog.text
