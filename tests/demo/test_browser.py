import base64
import functools
import html
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
from playwright.sync_api import Browser, Locator, Page, Route, expect
from tabs import hosting

import app
from benchmarks.serve import SAVES_DATA
from benchmarks.servers import Server, browsing
from expressions import Editor
from expressions.attributes import SLIDERS
from expressions.demo.api import MOST_SEEDS
from expressions.demo.controls import LABELS
from expressions.demo.faces import jpeg_url
from expressions.demo.state import FIRST_SEED
from expressions.latents import MAX_ATTEMPTS

pytestmark = pytest.mark.slow

PATIENCE = 120  # seconds for what takes one or two on an idle machine
ANSWERED = "html:not([data-opening]) #face img"  # what a visitor sees when the first answer is there
SEED_RULE = "from 0 to 4294967295"
ALT = "The synthetic face of this seed, as the sliders ask"
SERVER = "**/gradio_api/component_server/**"  # what the page asks


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    expect.set_options(timeout=1000 * PATIENCE)
    with browsing(["--host-resolver-rules=MAP *.hf.space 127.0.0.1"]) as browser:  # a Space is on this machine
        for name in ("new_context", "new_page"):
            setattr(browser, name, saving_data(getattr(browser, name)))
        yield browser


def saving_data(opening: Callable[..., Any]) -> Callable[..., Any]:
    """Visitors who save data: the server draws for them. test_in_browser.py has the others."""

    def opened(**options: Any) -> Any:
        tab = opening(**options)
        tab.add_init_script(SAVES_DATA)
        return tab

    return opened


def wait_until(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"waited {PATIENCE} s for {what}")
        time.sleep(0.1)


def file_of(url: str) -> bytes:
    """What a data URL holds."""
    return base64.b64decode(url.partition(",")[2])


@functools.cache
def drawn(editor: Editor, seed: int, attempts: int = MAX_ATTEMPTS, **targets: float) -> str:
    """What the page shows of a face."""
    return jpeg_url(editor.render(seed, targets, size=512, attempts=attempts))


@functools.cache
def measured(editor: Editor, seed: int) -> dict[str, int]:
    """The values of an unedited face."""
    values = editor.measure(editor.synthesize(editor.latents(seed)))[0].tolist()
    return {name: round(value) for name, value in zip(editor.attributes, values, strict=True)}


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
    def link(self) -> dict[str, str]:
        """The fields of the address, without the weights."""
        fields = dict(parse_qsl(urlsplit(self.address).query))
        assert fields.pop("weights") == self.editor.fingerprint()
        return fields

    @property
    def seed_box(self) -> Locator:
        return self.page.get_by_label("Seed", exact=True)

    @property
    def seed(self) -> int:
        return int(self.seed_box.input_value())

    @property
    def sliders(self) -> dict[str, float]:
        """What the page shows, by attribute."""
        boxes = {name: self.page.get_by_label(f"number input for {label}") for name, label in LABELS.items()}
        return {name: float(box.input_value()) for name, box in boxes.items() if name in self.editor.attributes}

    @property
    def remark(self) -> str:
        return self.page.inner_text("#remark")

    @property
    def own(self) -> dict[str, int]:
        """What was measured in the unedited face of the seed in the box."""
        return measured(self.editor, self.seed)

    def slider(self, label: str) -> Any:
        return self.page.get_by_label(f"range slider for {label}")

    def view(self, name: str) -> None:
        self.page.get_by_role("radio", name=name, exact=True).check(force=True)

    def unfold(self, name: str) -> None:
        self.page.locator("summary", has_text=name).click()

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def click(self, name: str, **link: object) -> None:
        """Click a button; if a link is given, wait until the address holds it."""
        self.button(name).click()
        if link:
            self.wait_for_link(**link)

    def press(self, key: str, **link: object) -> None:
        self.page.keyboard.press(key)
        self.wait_for_link(**link)

    def ignores(self, key: str) -> bool:
        """Whether a key leaves the face as it is."""
        seed = self.seed
        self.page.keyboard.press(key)
        self.settle()
        return self.seed == seed

    def picture(self) -> bytes:
        """The file that the page shows."""
        return file_of(self.page.locator("#face img").last.get_attribute("src") or "")

    def is_unedited(self) -> bool:
        return self.sliders.items() <= self.own.items()

    def is_right(self) -> bool:
        """Whether the picture is that of the seed and the sliders."""
        own = self.own
        moved = {name: value for name, value in self.sliders.items() if value != own[name]}
        return self.picture() == file_of(drawn(self.editor, self.seed, **moved))

    def settle(self) -> None:
        """Wait for the picture that belongs to seed and sliders, and see that it stays."""
        wait_until(self.is_right, f"the picture of seed {self.seed} with {self.sliders}")
        self.page.wait_for_timeout(300)
        assert self.is_right()

    def wait_for_face(self, seed: int) -> None:
        """Wait for an unedited face."""
        wait_until(lambda: self.seed == seed and self.is_unedited(), f"the own values of face {seed}")
        self.settle()

    def wait_for_link(self, **fields: object) -> None:
        expected = {name: str(value) for name, value in fields.items()}
        wait_until(lambda: self.link == expected, f"the address to hold {expected}")

    def wait_for_remark(self, text: str) -> None:
        """Wait for a remark that has this text, or for none."""
        wait_until(lambda: text in self.remark and bool(text) == bool(self.remark), f"the remark {text!r}")


@pytest.fixture
def come(server: Server, browser: Browser, editor: Editor) -> Iterator[Callable[..., Visit]]:
    """Let another visitor come, by a query, in a browser with these settings.

    In the end every console was silent and no request left the machine.
    """
    visits = []

    def come(query: str = "", **settings: Any) -> Visit:
        visits.append(Visit(browser.new_page(**settings), editor))
        visits[-1].open(f"{server.url}/{query}")
        return visits[-1]

    yield come
    for visit in visits:
        visit.page.close()
        assert visit.console == []
        assert [url for url in visit.requests if not url.startswith((server.url, "data:", "blob:"))] == []


@pytest.fixture
def visit(come: Callable[..., Visit]) -> Visit:
    """A visitor at a desk."""
    return come(viewport={"width": 1280, "height": 900})


# The page -----------------------------------------------------------------------------------------


def test_the_page_opens_with_a_large_face_its_own_values_and_a_name_for_everything(visit: Visit) -> None:
    size = visit.page.evaluate("(face => [face.naturalWidth, face.clientWidth])(document.querySelector('#face img'))")
    assert size[0] == 512
    assert size[1] >= 380
    assert len(visit.sliders) == len(SLIDERS)
    assert visit.is_unedited()
    assert visit.remark == ""
    text = visit.page.inner_text("body")
    assert "no such person exists" in text
    assert "0 is the lowest 1 % of random faces, 100 the highest 1 %" in text
    assert "synthetic face" in (visit.page.get_attribute("#face img", "alt") or "")
    assert all(visit.button(name).is_visible() for name in ("Previous", "Next", "Random", "Reset"))
    assert all(visit.slider(label).is_visible() for label in LABELS.values())
    assert all(name in text for name in LABELS)


def test_a_drag_ends_on_the_picture_of_its_last_value(visit: Visit) -> None:
    before, started = visit.picture(), visit.sliders
    end = 10 if started["Smiling"] > 50 else 90
    box = visit.slider("Smile").bounding_box()
    middle = box["y"] + box["height"] / 2
    visit.page.mouse.move(box["x"] + box["width"] * started["Smiling"] / 100, middle)
    visit.page.mouse.down()
    for share in range(0, 100, 3):
        visit.page.mouse.move(box["x"] + box["width"] * share / 100, middle)
    visit.page.mouse.move(box["x"] + 9 + (box["width"] - 18) * end / 100, middle)  # of the thumb's middle
    visit.settle()  # a drag that rests
    visit.page.mouse.up()
    visit.settle()
    assert visit.sliders["Smiling"] == pytest.approx(end, abs=2)
    assert visit.sliders == started | {"Smiling": visit.sliders["Smiling"]}
    assert visit.picture() != before


def test_a_visitor_chooses_between_sound_and_varied_faces(server: Server, browser: Browser, editor: Editor) -> None:
    first, second = [seed for seed in range(100) if (editor.latents(seed) != editor.latents(seed, 1)).any()][:2]
    visit = Visit(browser.new_page(viewport={"width": 1280, "height": 900}), editor)
    visit.open(f"{server.url}/?seed={first}")

    def shows_the_first_draw_of(seed: int) -> bool:
        return visit.picture() == file_of(drawn(editor, seed, attempts=1))

    visit.view("Varied")  # it is a radio button too
    visit.wait_for_link(seed=first, attempts=1)
    wait_until(lambda: shows_the_first_draw_of(first), "the first draw")
    visit.seed_box.fill(str(second))
    visit.wait_for_link(seed=second, attempts=1)
    wait_until(lambda: shows_the_first_draw_of(second), "the first draw of another seed")
    visit.view("Realistic")
    visit.wait_for_link(seed=second)
    visit.wait_for_face(second)
    visit.click("Back", seed=first, attempts=1)
    expect(visit.page.get_by_role("radio", name="Varied")).to_be_checked()
    visit.slider("Smile").fill("90")
    visit.wait_for_link(seed=first, Smiling=90, attempts=1)
    visit.view("Realistic")
    visit.wait_for_link(seed=first, Smiling=90)
    visit.settle()
    assert visit.console == []
    visit.page.close()


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
    visit.seed_box.focus()
    while visit.page.evaluate("document.activeElement.getAttribute('aria-label')") != "range slider for Glasses":
        visit.page.keyboard.press("Tab")
    assert visit.page.evaluate("getComputedStyle(document.activeElement).outlineWidth") == "3px"
    for _ in range(5):
        visit.page.keyboard.press("ArrowRight")
    visit.settle()
    assert visit.sliders == started | {"Eyeglasses": started["Eyeglasses"] + 5}


def test_several_sliders_are_asked_together_and_one_is_set_back_alone(visit: Visit) -> None:
    started = visit.sliders
    for label, value in (("Smile", 95), ("Older to younger", 20), ("Darker to lighter skin", 60)):
        visit.slider(label).fill(str(value))
    visit.wait_for_link(seed=FIRST_SEED, Smiling=95, Young=20, Skin_Tone=60)
    visit.settle()
    assert visit.sliders == started | {"Smiling": 95, "Young": 20, "Skin_Tone": 60}
    visit.click("Reset Smile", seed=FIRST_SEED, Young=20, Skin_Tone=60)
    assert visit.sliders == started | {"Young": 20, "Skin_Tone": 60}
    visit.settle()


def test_reset_gives_the_face_back_bit_for_bit_as_often_as_asked(visit: Visit) -> None:
    before, started = visit.picture(), visit.sliders
    for value in ("95", "3"):
        visit.slider("Smile").fill(value)
        visit.settle()
        visit.click("Reset")
        wait_until(lambda: visit.sliders == started, "the sliders to go back")
        visit.settle()
        assert visit.picture() == before
        assert visit.remark == ""


def test_every_way_to_a_seed_brings_an_unedited_face(visit: Visit) -> None:
    for name, step in (("Next", 1), ("Next", 2), ("Previous", 1)):
        visit.slider("Smile").fill("100" if visit.sliders["Smiling"] < 50 else "0")
        visit.click(name)
        visit.wait_for_face(FIRST_SEED + step)
    visit.seed_box.fill("4294967295")
    visit.wait_for_face(4294967295)
    visit.click("Next")
    visit.wait_for_face(0)
    visit.click("Previous")
    visit.wait_for_face(4294967295)
    visit.click("Random")
    wait_until(lambda: visit.seed != 4294967295 and visit.is_unedited(), "the sliders of a random seed")
    visit.settle()


def test_no_click_and_no_move_is_lost_in_a_hurry(visit: Visit) -> None:
    for _ in range(6):
        visit.click("Next")
    assert visit.seed == FIRST_SEED + 6
    visit.wait_for_face(FIRST_SEED + 6)
    visit.slider("Smile").fill("12")
    visit.slider("Fringe").fill("88")
    visit.wait_for_link(seed=FIRST_SEED + 6, Smiling=12, Bangs=88)
    visit.click("Reset")
    visit.click("Next")
    visit.view("Compare")
    visit.wait_for_face(FIRST_SEED + 7)


def test_a_seed_that_is_none_leaves_the_face_and_says_the_rule(visit: Visit) -> None:
    before = visit.picture()
    for typed in ("-1", ""):
        visit.seed_box.fill(typed)
        visit.wait_for_remark(SEED_RULE)
        assert visit.picture() == before
        visit.seed_box.fill(str(FIRST_SEED))
        visit.wait_for_remark("")
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


def test_a_number_box_left_empty_goes_back_to_what_it_held(visit: Visit) -> None:
    before, started = visit.picture(), visit.sliders
    box = visit.page.get_by_label("number input for Glasses")
    for leave in (box.blur, functools.partial(box.press, "Enter")):
        box.fill("")
        leave()
        assert visit.sliders == started
    visit.page.wait_for_timeout(500)
    assert visit.link == {"seed": str(FIRST_SEED)}
    assert visit.picture() == before
    box.press("End")
    for _ in range(3):  # the digits that are left on the way are asked for
        box.press("Backspace")
    box.blur()
    wait_until(lambda: visit.sliders == started, "the value that the box was entered with")
    visit.settle()
    visit.seed_box.fill("")
    visit.wait_for_remark(SEED_RULE)
    visit.seed_box.blur()
    visit.wait_for_remark("")
    assert visit.seed == FIRST_SEED


def test_visitors_do_not_see_each_other(visit: Visit, come: Callable[..., Visit]) -> None:
    other = come()
    other.click("Next")
    other.slider("Smile").fill("5")
    visit.slider("Smile").fill("95")
    for one, seed in ((visit, FIRST_SEED), (other, FIRST_SEED + 1)):
        one.settle()
        assert one.seed == seed


def test_a_phone_shows_the_face_above_the_sliders_and_nothing_sideways(come: Callable[..., Visit]) -> None:
    visit = come("?__theme=dark", viewport={"width": 375, "height": 812})
    page, image = visit.page, visit.page.locator("#face img")
    face, slider = image.bounding_box(), visit.slider("Smile").bounding_box()
    assert face is not None
    assert face["width"] >= 340
    assert face["y"] + face["height"] < slider["y"]
    assert page.evaluate("document.documentElement.scrollWidth") == 375
    folds = page.locator(".fold").evaluate_all("folds => folds.map(fold => fold.scrollWidth - fold.clientWidth)")
    assert folds == [0] * 4
    visit.slider("Bearded to clean-shaven").scroll_into_view_if_needed()
    face = image.bounding_box()
    assert face is not None
    assert 0 <= face["y"] < 40  # it stays in view while the last slider is moved
    visit.slider("Smile").focus()
    page.wait_for_timeout(200)
    slider = visit.slider("Smile").bounding_box()
    assert slider["y"] > face["y"] + face["height"]  # what has the focus does not hide behind the face
    background = """() => {
        const colour = getComputedStyle(document.querySelector("#portrait")).backgroundColor;
        return colour.match(/[0-9]+/g).map(Number);
    }"""
    assert max(page.evaluate(background)) < 64
    page.evaluate("document.body.classList.remove('dark')")  # Gradio's choice
    assert min(page.evaluate(background)) > 192


def test_the_picture_stays_in_view_as_a_whole_and_hides_no_slider_that_has_the_focus(visit: Visit) -> None:
    # A phone that lies on its side is the third; a window that is enlarged to twice its size the last.
    for width, height in ((390, 844), (600, 650), (844, 390), (1280, 640), (640, 400)):
        visit.page.set_viewport_size({"width": width, "height": height})
        visit.page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
        assert visit.page.evaluate("document.documentElement.scrollWidth") == width
        visit.slider("Feminine to masculine").focus()
        visit.page.wait_for_timeout(200)
        boxes = [visit.page.locator(f"#{name}").bounding_box() for name in ("face", "portrait", "slider-Male")]
        face, portrait, slider = (box for box in boxes if box)
        assert 0 <= face["y"] <= face["y"] + face["height"] <= height
        assert slider["y"] >= portrait["y"] + portrait["height"] or slider["x"] >= portrait["x"] + portrait["width"]
        assert slider["y"] + slider["height"] <= height


@pytest.fixture
def touch(come: Callable[..., Visit]) -> Callable[..., Visit]:
    """Let a finger land on a slider, at a share of its length, and go so far in steps; the visit that it is of."""
    visit = come(has_touch=True, is_mobile=True, viewport={"width": 390, "height": 844})
    send = visit.page.context.new_cdp_session(visit.page).send

    def touch(label: str, share: float, right: int = 0, down: int = 0) -> Visit:
        visit.slider(label).evaluate("slider => scrollBy(0, slider.getBoundingClientRect().y - 650)")
        visit.page.wait_for_timeout(200)
        box = visit.slider(label).bounding_box()
        x, y = box["x"] + share * box["width"], box["y"] + box["height"] / 2
        send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
        for step in range(1, 13 if right or down else 0):
            point = {"x": x + step * right / 12, "y": y + step * down / 12}
            send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [point]})
            visit.page.wait_for_timeout(20)
        send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        visit.page.wait_for_timeout(500)
        return visit

    return touch


def test_a_finger_sets_a_slider_by_a_tap_or_sideways_and_not_where_it_scrolls(touch: Callable[..., Visit]) -> None:
    visit = touch("Fringe", 0.5)
    assert visit.sliders["Bangs"] == pytest.approx(50, abs=2)
    touch("Fringe", 0.5, right=100)
    dragged = visit.sliders
    assert dragged["Bangs"] == pytest.approx(77, abs=4)
    for label, down in (("Fringe", -150), ("Smile", -100), ("Fringe", 100)):
        before = visit.page.evaluate("scrollY")
        touch(label, 0.1, down=down)
        assert visit.page.evaluate("scrollY") != before
        assert visit.sliders == dragged
    visit.settle()
    assert visit.link == {"seed": str(FIRST_SEED), "Bangs": f"{dragged['Bangs']:g}"}


def test_motion_stops_for_those_who_ask(come: Callable[..., Visit]) -> None:
    visit = come(reduced_motion="reduce")
    moving = "[...document.querySelectorAll('*')].filter(e => getComputedStyle(e).transitionDuration !== '0s').length"
    assert visit.page.evaluate(moving) == 0


# Views, links, pictures ----------------------------------------------------------------------------


def test_a_click_in_a_filmstrip_of_any_attribute_or_a_map_sets_the_sliders(visit: Visit) -> None:
    visit.view("Filmstrip")
    expect(visit.page.locator("#face [data-choice]")).to_have_count(9)
    visit.page.get_by_label("Filmstrip of").select_option("Older to younger")
    visit.page.get_by_label("Take Older to younger 88").click()
    visit.wait_for_link(seed=FIRST_SEED, Young=88, view="strip", strip="Young")
    visit.view("Map")
    expect(visit.page.locator("#face [data-choice]")).to_have_count(25)
    visit.page.get_by_label("Take Smile 25, Feminine to masculine 100").click()
    visit.wait_for_link(seed=FIRST_SEED, Smiling=25, Male=100, Young=88, view="map", across="Smiling", down="Male")
    visit.view("Face")
    visit.settle()
    assert [visit.sliders[name] for name in ("Smiling", "Male", "Young")] == [25, 100, 88]


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
    visit.wait_for_link(seed=FIRST_SEED, Smiling=90)
    visit.view("Sheet")
    expect(visit.page.locator("#face [data-choice]")).to_have_count(24)
    visit.page.get_by_label(f"Open face {FIRST_SEED + 5}").click()
    visit.wait_for_link(seed=FIRST_SEED + 5)
    visit.settle()
    visit.click("Back", seed=FIRST_SEED, Smiling=90)
    visit.settle()
    assert visit.sliders["Smiling"] == 90
    expect(visit.button("Back")).to_be_disabled()
    visit.click("Forward", seed=FIRST_SEED + 5)


def test_presses_of_back_and_forward_in_a_hurry_forget_no_face(visit: Visit) -> None:
    for step in (1, 2, 3):
        visit.click("Next", seed=FIRST_SEED + step)
    visit.page.route(SERVER, answer_slowly)
    hurry = """async name => {
        for (let press = 0; press < 3; press++) {
            document.querySelector(name).click();
            await new Promise(resolve => setTimeout(resolve, 100));
        }
    }"""
    visit.page.evaluate(hurry, "#back")
    visit.wait_for_link(seed=FIRST_SEED)
    expect(visit.button("Back")).to_be_disabled()
    visit.page.evaluate(hurry, "#forward")
    visit.wait_for_link(seed=FIRST_SEED + 3)
    expect(visit.button("Forward")).to_be_disabled()
    visit.click("Back", seed=FIRST_SEED + 2)
    visit.settle()


def test_faces_seen_are_entries_of_the_browsers_history_and_outlive_a_reload(visit: Visit) -> None:
    start = visit.page.evaluate("history.length")
    for step in (1, 2):
        visit.click("Next", seed=FIRST_SEED + step)
    visit.settle()
    visit.slider("Smile").fill("90")
    visit.wait_for_link(seed=FIRST_SEED + 2, Smiling=90)
    visit.settle()
    visit.view("Compare")
    visit.wait_for_link(seed=FIRST_SEED + 2, Smiling=90, view="compare")
    assert visit.page.evaluate("history.length") == start + 2
    visit.page.go_back()
    visit.wait_for_link(seed=FIRST_SEED + 1, view="compare")
    visit.settle()
    visit.page.reload()
    visit.page.wait_for_selector(ANSWERED)
    expect(visit.button("Forward")).to_be_enabled()
    visit.click("Forward", seed=FIRST_SEED + 2, Smiling=90, view="compare")
    expect(visit.button("Forward")).to_be_disabled()
    visit.click("Back", seed=FIRST_SEED + 1, view="compare")
    visit.page.go_back()
    visit.wait_for_link(seed=FIRST_SEED, view="compare")
    expect(visit.button("Back")).to_be_disabled()
    visit.page.evaluate("location.hash = 'about'")  # no face
    visit.click("Random")
    wait_until(lambda: visit.link["seed"] != str(FIRST_SEED), "another face")
    expect(visit.button("Forward")).to_be_disabled()
    visit.page.go_back()
    visit.wait_for_link(seed=FIRST_SEED, view="compare")


def test_a_face_that_was_left_before_its_answer_came_is_not_lost(visit: Visit) -> None:
    visit.page.route(SERVER, answer_slowly)
    for _ in range(3):
        visit.click("Next")
    visit.page.go_back()
    visit.wait_for_link(seed=FIRST_SEED + 2)
    visit.page.go_back()
    visit.wait_for_link(seed=FIRST_SEED + 1)
    visit.settle()
    visit.page.go_forward()
    visit.wait_for_link(seed=FIRST_SEED + 2)


def answer_slowly(route: Route) -> None:
    time.sleep(1)
    route.continue_()


def test_a_seed_typed_digit_by_digit_is_one_face_seen(visit: Visit) -> None:
    visit.seed_box.fill("")
    for typed in ("7", "70", "705"):
        visit.seed_box.press(typed[-1])
        visit.wait_for_link(seed=typed)
    visit.click("Back", seed=FIRST_SEED)
    expect(visit.button("Back")).to_be_disabled()
    visit.click("Forward", seed=705)
    visit.settle()


def test_next_goes_on_from_the_face_on_screen_where_no_seed_is_typed(visit: Visit) -> None:
    for typed, name, step in (("", "Next", 1), ("-1", "Previous", 0), ("1.5", "Reset", 0)):
        visit.seed_box.fill(typed)
        visit.wait_for_remark(SEED_RULE)
        visit.click(name)
        visit.wait_for_remark("")
        visit.wait_for_link(seed=FIRST_SEED + step)
        assert visit.seed == FIRST_SEED + step


def test_a_morph_is_a_loop_to_download(visit: Visit) -> None:
    visit.view("Morph")
    visit.page.get_by_label("Morph to seed").fill("99")
    visit.wait_for_link(seed=FIRST_SEED, view="morph", to=99)
    with visit.page.expect_download() as download:
        visit.page.get_by_role("link", name="Download this loop").click()
    assert download.value.suggested_filename == f"morph-{FIRST_SEED}-99.webp"
    with Image.open(download.value.path()) as loop:
        assert loop.n_frames > 24  # type: ignore[attr-defined]


def test_keys_do_what_the_buttons_do_but_not_while_a_number_is_typed(visit: Visit) -> None:
    visit.press("n", seed=FIRST_SEED + 1)
    visit.press("p", seed=FIRST_SEED)
    visit.slider("Smile").fill("90")
    visit.wait_for_link(seed=FIRST_SEED, Smiling=90)
    visit.slider("Smile").press("0")
    visit.wait_for_link(seed=FIRST_SEED)
    visit.page.keyboard.press("s")
    wait_until(lambda: visit.link["seed"] != str(FIRST_SEED), "another face")
    visit.seed_box.fill("7")
    visit.seed_box.press("0")
    visit.wait_for_link(seed=70)


def test_keys_go_by_the_letter_once_and_can_be_turned_off(visit: Visit) -> None:
    visit.press("Shift+N", seed=FIRST_SEED + 1)
    for _ in range(6):
        visit.page.keyboard.down("n")  # as a key that is held repeats
    visit.page.keyboard.up("n")
    visit.wait_for_link(seed=FIRST_SEED + 2)
    shortcuts = visit.page.get_by_label("Keyboard shortcuts")
    shortcuts.uncheck()
    assert visit.ignores("n")
    visit.page.reload()
    visit.page.wait_for_selector(ANSWERED)
    expect(shortcuts).not_to_be_checked()
    assert visit.ignores("n")
    shortcuts.check()
    visit.press("n", seed=FIRST_SEED + 3)


def test_there_are_no_keys_where_they_cannot_be_turned_off(come: Callable[..., Visit]) -> None:
    visit = come(has_touch=True, is_mobile=True)
    expect(visit.page.get_by_label("Keyboard shortcuts")).to_be_hidden()
    assert visit.ignores("n")


def test_keys_work_where_nothing_can_be_stored(visit: Visit) -> None:
    forbid = "Object.defineProperty(window, 'localStorage', {get() { throw new Error('forbidden'); }})"
    visit.page.add_init_script(forbid)
    visit.page.reload()
    visit.page.wait_for_selector(ANSWERED)
    visit.press("n", seed=FIRST_SEED + 1)
    visit.page.get_by_label("Keyboard shortcuts").uncheck()
    assert visit.ignores("n")


def test_a_link_brings_back_the_same_face_and_view_bit_for_bit(visit: Visit, come: Callable[..., Visit]) -> None:
    visit.slider("Smile").fill("90")
    visit.slider("Fringe").fill("70")
    visit.wait_for_link(seed=FIRST_SEED, Smiling=90, Bangs=70)
    visit.settle()
    other = come(f"?{urlsplit(visit.address).query}")
    assert other.sliders == visit.sliders
    assert other.picture() == visit.picture()


def test_a_link_is_read_as_far_as_it_makes_sense(come: Callable[..., Visit]) -> None:
    visit = come("?seed=9&Smiling=900&Male=x&Cheerful=1&view=compare&__theme=dark")
    assert visit.link == {"seed": "9", "Smiling": "100", "view": "compare", "__theme": "dark"}
    visit = come(f"?seed=7&x={'a' * 5000}")
    assert "more than 4000 characters" in visit.remark
    assert visit.link == {"seed": str(FIRST_SEED)}


def test_the_link_and_the_embed_code_are_copied(come: Callable[..., Visit], server: Server) -> None:
    visit = come("?__theme=dark&__sign=x")
    assert visit.address.endswith("&__theme=dark&__sign=x")
    visit.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    visit.unfold("Save and share")
    visit.click("Copy link")
    expect(visit.page.locator("#copy-link")).to_have_attribute("data-done", "Copied")
    shared = f"{server.url}/?seed={FIRST_SEED}&weights={visit.editor.fingerprint()}"
    assert visit.page.evaluate("navigator.clipboard.readText()") == shared
    visit.click("Copy embed code")
    expect(visit.page.locator("#copy-embed")).to_have_attribute("data-done", "Copied")
    code = visit.page.evaluate("navigator.clipboard.readText()")
    assert code.startswith(f'<iframe src="{html.escape(shared)}" ')
    assert ' allow="clipboard-write"' in code
    expect(visit.page.get_by_label("Copy this:")).to_be_hidden()


def test_what_cannot_be_copied_is_shown_and_selected(visit: Visit) -> None:
    refuse = "navigator.clipboard.writeText = () => Promise.reject(new DOMException('', 'NotAllowedError'))"
    remove = "Object.defineProperty(navigator, 'clipboard', {value: undefined})"  # as in a page without TLS
    visit.unfold("Save and share")
    for how, name in ((refuse, "Copy link"), (remove, "Copy embed code")):
        visit.page.evaluate(f"() => {{ {how} }}")
        visit.click(name)
        field = visit.page.get_by_label("Copy this:")
        expect(field).to_be_focused()
        assert visit.address in html.unescape(field.input_value())
        assert visit.page.evaluate("getSelection().toString()") == field.input_value()
        assert not field.is_editable()


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
    visit.wait_for_link(seed=FIRST_SEED, Smiling=90)
    visit.unfold("Save and share")
    with visit.page.expect_download() as download:
        visit.click("PNG, 256 pixels")
    saved = tmp_path / download.value.suggested_filename
    download.value.save_as(saved)
    assert saved.name == f"expressions-{FIRST_SEED}-256.png"
    with Image.open(saved) as picture:
        assert picture.tobytes() == visit.editor.render(FIRST_SEED, {"Smiling": 90.0}, size=256).tobytes()
        assert "trainedAlgorithmicMedia" in picture.text["XML:com.adobe.xmp"]  # type: ignore[attr-defined]
    visit.click("Next", seed=FIRST_SEED + 1)
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
    visit.wait_for_link(seed=FIRST_SEED, Smiling=90)
    visit.settle()
    Image.new("RGB", (8, 8)).save(tmp_path / "other.png")
    visit.page.set_input_files("#restore", tmp_path / "other.png")
    visit.wait_for_remark("That picture carries no link")
    for _ in range(2):  # the same file twice
        visit.click("Next", seed=FIRST_SEED + 1)
        visit.page.set_input_files("#restore", saved)
        visit.wait_for_link(seed=FIRST_SEED, Smiling=90)
    visit.settle()


@pytest.mark.parametrize(("query", "is_visible"), [("?__theme=dark", True), ("?seed=9", False)])
def test_the_first_face_comes_with_the_page_and_a_link_waits_for_its_own(
    server: Server, browser: Browser, editor: Editor, query: str, is_visible: bool
) -> None:
    page = browser.new_page()
    page.route(SERVER, lambda _: None)  # no answer ever comes
    page.goto(f"{server.url}/{query}")
    face = page.locator("#face img")
    expect(face).to_have_attribute("src", drawn(editor, FIRST_SEED))
    expect(face).to_be_visible(visible=is_visible)
    page.close()


@pytest.mark.parametrize("query", ["", "?seed=9"])
def test_words_and_the_first_face_come_before_the_scripts(server: Server, browser: Browser, query: str) -> None:
    page = browser.new_page()
    page.route("**/assets/**", lambda _: None)  # no script or style sheet ever comes
    page.goto(f"{server.url}/{query}", wait_until="commit")
    expect(page.get_by_role("heading", name="Expressions")).to_be_visible()
    expect(page.get_by_text("no such person exists")).to_be_visible()
    expect(page.get_by_alt_text(ALT)).to_be_visible(visible=query != "?seed=9")
    page.close()


def test_the_first_face_is_there_in_three_seconds_on_a_slow_line(server: Server, browser: Browser) -> None:
    page = browser.new_page()
    line = {"offline": False, "latency": 150, "downloadThroughput": 200_000, "uploadThroughput": 200_000}  # 1.6 Mbit/s
    page.context.new_cdp_session(page).send("Network.emulateNetworkConditions", line)
    page.goto(server.url, wait_until="commit")
    page.wait_for_function("[...document.images].some(image => image.complete && image.checkVisibility())")
    assert page.evaluate("performance.now()") < 3000
    page.wait_for_selector(ANSWERED)
    expect(page.locator("#first-paint")).to_be_hidden()
    page.close()


def test_a_link_that_is_not_answered_leaves_a_face_to_see(server: Server, browser: Browser) -> None:
    page = browser.new_page()
    full = {"detail": "Queue is full."}
    page.route(SERVER, lambda route: route.fulfill(status=503, json=full))
    page.goto(f"{server.url}/?seed=9")
    expect(page.get_by_role("status").first).to_contain_text("it may be busy")
    expect(page.locator("#face img")).to_be_visible()
    page.close()


def test_the_page_works_in_a_frame_of_another_origin(
    server: Server, browser: Browser, editor: Editor, tmp_path: Path
) -> None:
    frame = f'<iframe src="{server.url}/?seed=9&Smiling=90" width="700" height="900"></iframe>'
    (tmp_path / "index.html").write_text(frame)
    with hosting(tmp_path) as address:
        page = browser.new_page()
        page.goto(address.replace("127.0.0.1", "localhost"))  # which is another origin
        inside = page.frame_locator("iframe")
        face = inside.locator("#face img")
        expect(face).to_be_visible()
        expect(face).to_have_attribute("src", drawn(editor, 9, Smiling=90))
        inside.get_by_role("button", name="Next", exact=True).click()
        expect(face).to_have_attribute("src", drawn(editor, 10))
        assert "seed=10" in page.frames[1].evaluate("location.href")
        page.close()


# Themes differ in their colours alone.
@pytest.mark.parametrize(
    ("theme", "rules"), [("light", ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]), ("dark", ["color-contrast"])]
)
def test_nothing_that_axe_knows_bars_anybody(come: Callable[..., Visit], theme: str, rules: list[str]) -> None:
    visit = come(f"?seed={FIRST_SEED}&Smiling=100&__theme={theme}")
    for panel in ("What changed", "Save and share", "How good is it?", "About"):
        visit.unfold(panel)
    shown = {"Compare": "wipe", "Filmstrip": "strip", "Map": "map", "Morph": "single picture", "Sheet": "sheet"}
    for view, content in shown.items():
        visit.view(view)
        visit.page.wait_for_selector(f"#face .{content}")
        results = Axe().run(visit.page, options={"runOnly": rules})
        found = [(rule["id"], node["html"]) for rule in results.response["violations"] for node in rule["nodes"]]
        assert found == [], results.generate_report()


# The server ---------------------------------------------------------------------------------------


def test_visitors_do_not_wait_for_programs(visit: Visit, server: Server) -> None:
    client = Client(server.url, verbose=False)
    many = MOST_SEEDS // 4
    jobs = [
        client.submit(seeds=list(range(start, start + many)), attributes={"Smiling": 90}, api_name="/batch")
        for start in range(10**6, 10**6 + (app.WORKERS + 1) * many, many)
    ]
    visit.click("Next", seed=FIRST_SEED + 1)
    assert sum(job.done() for job in jobs) < len(jobs) - 1  # in one queue with them it would wait for all but one
    assert all(len(job.result()) == many for job in jobs)
    client.close()
