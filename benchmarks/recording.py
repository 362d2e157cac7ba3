"""Record the page as a visitor sees it: sliders dragged from end to end as a moving picture, and a screenshot.

Everything is found by its role and name, as a screen reader finds it.

    python -m benchmarks.recording
"""

import argparse
import io
import re
import time
from collections.abc import Iterator
from pathlib import Path

from PIL import Image, ImageChops, ImageDraw
from playwright.sync_api import Locator, Page, ViewportSize

from expressions.demo.controls import LABELS

from .pictures import EXAMPLE
from .servers import browsing, serving

DRAGGED = ("Smiling", "Young", "Blond_Hair")
MOVES = 6  # of the mouse from one end of a slider to the other
WINDOW: ViewportSize = {"width": 1180, "height": 800}
SIZE = (800, 542)  # of the moving picture: the window's shape
PATIENCE = 300.0  # seconds for what takes less than one on an idle machine
STILL = 0.5  # seconds without a change after which a face is at rest
FRAME, REST = 90, 900  # milliseconds that a frame is shown, and one at rest
MOST = 3_000_000  # bytes of a moving picture
_POINTER = ((0, 0), (0, 22), (6, 17), (10, 26), (14, 24), (10, 16), (17, 16))  # an arrow, in pixels of the window


def screen(page: Page, box: Locator | None = None) -> Image.Image:
    """What the window shows, or a part of it."""
    file = page.screenshot() if box is None else box.screenshot()
    return Image.open(io.BytesIO(file)).convert("RGB")


def differ(one: Image.Image, other: Image.Image) -> bool:
    return one.size != other.size or ImageChops.difference(one, other).getbbox() is not None


def face_of(page: Page) -> Locator:
    """The large face of the page."""
    return page.get_by_role("img", name=re.compile("synthetic face")).first


def slider_of(page: Page, attribute: str) -> Locator:
    """A slider by its label."""
    return page.get_by_role("slider", name=re.compile(rf"\b{LABELS[attribute]}$")).first


def wait_for_change(page: Page, before: Image.Image, box: Locator | None, patience: float) -> Image.Image:
    """What a part of the window shows as soon as it differs from `before`, or when patience ends: a short move may
    change nothing."""
    deadline = time.monotonic() + patience
    while not differ(now := screen(page, box), before) and time.monotonic() < deadline:
        page.wait_for_timeout(20)
    return now


def wait_for_rest(page: Page, box: Locator | None) -> None:
    """Wait until a part of the window has not changed for a while."""
    now, deadline = screen(page, box), time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if not differ(after := wait_for_change(page, now, box, STILL), now):
            return
        now = after
    raise TimeoutError(f"the page still changed after {PATIENCE:g} seconds")


def reset(page: Page) -> None:
    """Take all edits back."""
    page.get_by_role("button", name="Reset", exact=True).click()
    wait_for_rest(page, face_of(page))


def drag(page: Page, attribute: str) -> Iterator[tuple[Image.Image, int]]:
    """Frames and milliseconds of a drag of one slider: down to its low end, up to the other, and what comes to rest."""
    slider = slider_of(page, attribute)
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    if box is None:
        raise ValueError(f"the page shows no slider for {LABELS[attribute]}")
    value, least, most = (float(slider.evaluate(f"slider => slider.{name}")) for name in ("value", "min", "max"))
    thumb, height = min(box["height"], 20.0), box["y"] + box["height"] / 2
    left, width = box["x"] + thumb / 2, box["width"] - thumb  # of the thumb's middle
    start = (value - least) / (most - least)
    down = [start * (MOVES - move) / MOVES for move in range(MOVES + 1)]
    up = [move / MOVES for move in range(1, MOVES + 1)]

    face = screen(page, face_of(page))
    page.mouse.move(left + width * start, height)
    page.mouse.down()
    for share in (*down, *up):
        x = left + width * share
        page.mouse.move(x, height)
        face = wait_for_change(page, face, face_of(page), STILL)
        yield framed(page, x, height), FRAME
    wait_for_rest(page, face_of(page))
    page.mouse.up()
    wait_for_rest(page, face_of(page))
    yield framed(page, x, height), REST


def framed(page: Page, x: float, y: float) -> Image.Image:
    """The window, with the pointer that a screenshot leaves out."""
    window = screen(page)
    arrow = [(x + right, y + down) for right, down in _POINTER]
    ImageDraw.Draw(window).polygon(arrow, fill="white", outline="black")
    return window.resize(SIZE, Image.Resampling.LANCZOS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=EXAMPLE, help="the face that is edited")
    parser.add_argument("--out", type=Path, default=Path("assets"), help="folder for the pictures")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    with serving("app.py") as server, browsing() as browser:
        page = browser.new_page(viewport=WINDOW, reduced_motion="reduce", color_scheme="light")
        page.set_default_timeout(1000 * PATIENCE)
        page.goto(f"{server.url}/?seed={arguments.seed}")
        page.get_by_text("These faces are drawn in your browser").wait_for()  # the first face is there before that
        frames = [(framed(page, WINDOW["width"] / 2, WINDOW["height"] / 2), REST)]
        for attribute in DRAGGED:
            frames += drag(page, attribute)
            reset(page)
        moving = io.BytesIO()
        (first, *others), durations = zip(*frames, strict=True)
        first.save(
            moving, "WebP", save_all=True, append_images=others, duration=list(durations), loop=0, quality=70, method=6
        )
        if len(moving.getvalue()) > MOST:
            raise ValueError(f"the moving picture has {len(moving.getvalue()):,} bytes, and may have {MOST:,}")
        (arguments.out / "dragging.webp").write_bytes(moving.getvalue())

        page.evaluate("scrollTo(0, 0)")
        page.get_by_role("radio", name="Map", exact=True).check(force=True)
        page.get_by_role("button", name=re.compile("measured")).last.wait_for()  # a face of the map
        wait_for_rest(page, None)
        page.screenshot(path=arguments.out / "page.png")


if __name__ == "__main__":
    main()
