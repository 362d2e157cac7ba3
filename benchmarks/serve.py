"""What a visitor waits for, beside a Gradio handler that does nothing, in one run.

What is compared takes turns, so that a noisy machine slows all. The empty handler answers around Gradio's queue, with a
picture that is drawn already.

    python -m benchmarks.serve

Prints a table. Writes serve.json, which docs/figures.md shows.
"""

import argparse
import asyncio
import random
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

import gradio
import httpx
import torch
from playwright.sync_api import Browser, Page, Request

from expressions import Editor
from expressions.attributes import SLIDERS
from expressions.demo.faces import PICTURE_SIZE, jpeg_url
from expressions.demo.state import State

from . import tables
from .lines import DELAY, RATE, line_to
from .reports import Compared, Opening, Rush, ServeReport, Times, device_name, write_report
from .servers import browsing, serving

PATIENCE = 300.0  # seconds for one answer
BLOCK = 16  # inputs in a row on one page; even, so that each brings another picture
EDITS = 40  # at rest: a seed and a slider each
SAVES_DATA = "Object.defineProperty(navigator, 'connection', { value: { saveData: true } })"

_HERE = "document.querySelector('#place')?.textContent.startsWith('These faces are drawn')"
_PAINTED = """
const painted = async () => {
    await document.querySelector('#face img').decode();
    for (let frame = 0; frame < 2; frame++) await new Promise(requestAnimationFrame);
};
"""
_FIRST_PAINT = f"async () => {{ {_PAINTED} await painted(); }}"
_MOVE = f"""
(slider, value) => new Promise((resolve, reject) => {{
    {_PAINTED}
    const face = document.querySelector('#face'), before = face.querySelector('img').src;
    const observer = new MutationObserver(async () => {{
        const source = face.querySelector('img')?.src;
        if (!source || source === before) return;
        observer.disconnect();
        await painted();
        resolve(performance.now() - start);
    }});
    observer.observe(face, {{subtree: true, childList: true, attributes: true, attributeFilter: ['src']}});
    setTimeout(() => reject(new Error('no new picture')), 60000);
    slider.value = value;
    const start = performance.now();
    slider.dispatchEvent(new Event('input', {{bubbles: true}}));
}})
"""
_EDIT = """
async ([seed, name, value]) => {
    const state = { seed, attempts: 8, targets: {} };
    await expressions.answers.ask("faces", [state], 512);
    const start = performance.now();
    await expressions.answers.ask("faces", [{ ...state, targets: { [name]: value } }], 512);
    return performance.now() - start;
}
"""


def spread(seconds: Sequence[float]) -> Times:
    times = sorted(1000 * second for second in seconds)
    return {"median_ms": statistics.median(times), "p95_ms": times[int(0.95 * len(times))]}


def compared(rounds: Mapping[str, Sequence[Sequence[float]]]) -> Compared:
    """By name the times of all rounds, in seconds, and the median over rounds of the ratio of ours to each other."""
    medians = {name: [statistics.median(part) for part in parts] for name, parts in rounds.items()}
    ours = medians.pop("ours")
    ratios = {name: [a / b for a, b in zip(ours, others, strict=True)] for name, others in medians.items()}
    return {
        "times": {name: spread([second for part in parts for second in part]) for name, parts in rounds.items()},
        "ratios": {name: statistics.median(values) for name, values in ratios.items()},
    }


def open_page(browser: Browser, url: str) -> Page:
    """Open a page and wait until its face is on the screen."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(1000 * PATIENCE)
    page.goto(url)
    page.wait_for_selector("#face img")
    page.evaluate(_FIRST_PAINT)
    return page


# While a visitor moves sliders --------------------------------------------------------------------


def seconds_to_paint(page: Page, draw: random.Random) -> list[float]:
    """Move the first slider from one end to the other and back, `BLOCK` times: up to odd values, down to even ones."""
    page.bring_to_front()
    slider = page.locator("input[type=range]:visible").first
    values = [draw.randrange(0, 25, 2) if turn % 2 else draw.randrange(75, 100, 2) for turn in range(BLOCK)]
    return [slider.evaluate(_MOVE, value) / 1000 for value in values]


def seconds_to_edit(page: Page, draw: random.Random) -> list[float]:
    """From a request at rest to its answer: the edit of a face that is known, measured and corrected."""
    asked = [[draw.randrange(2**32), draw.choice(SLIDERS), draw.randrange(101)] for _ in range(EDITS)]
    return [page.evaluate(_EDIT, one) / 1000 for one in asked]


def write_pictures(editor: Editor, folder: Path) -> list[str]:
    """Two faces, which the empty handler answers with: their files."""
    paths = [folder / f"{seed}.html" for seed in (0, 1)]
    for seed, path in enumerate(paths):
        path.write_text(f'<img src="{jpeg_url(editor.render(seed, size=PICTURE_SIZE))}">')
    return [str(path) for path in paths]


def measure_moves(url: str, pictures: Sequence[str], rounds: int) -> tuple[Compared, Times, int]:
    """From a slider's input event to the new picture on the screen, here, at the end of a slow line and by the empty
    handler; an edit at rest; and how often the page asked the server meanwhile."""
    draw = random.Random(0)  # noqa: S311, nothing is secret here
    with ExitStack() as stack:
        empty = stack.enter_context(serving("-m", "benchmarks.empty_page", *pictures))
        far, _ = stack.enter_context(line_to(url, DELAY))
        browser = stack.enter_context(browsing())
        tabs = {name: open_page(browser, at) for name, at in (("ours", url), ("direct", empty.url), ("slow line", far))}
        for name in ("ours", "slow line"):
            tabs[name].wait_for_function(_HERE)
        tabs["direct"].wait_for_load_state("networkidle")  # its slider does nothing before
        asked: list[Request] = []
        tabs["ours"].on("request", lambda one: asked.append(one) if one.url.startswith("http") else None)
        times: dict[str, list[list[float]]] = {name: [] for name in tabs}
        for _ in range(rounds + 1):
            for name, tab in tabs.items():
                times[name].append(seconds_to_paint(tab, draw))
        edit = spread(seconds_to_edit(tabs["ours"], draw))
    return compared({name: parts[1:] for name, parts in times.items()}), edit, len(asked)  # the first round warms up


# When a visitor comes -----------------------------------------------------------------------------


def measure_start(variables: Mapping[str, str], rounds: int) -> Compared:
    """From `python app.py` to the first face on the screen, beside the imports that it cannot do without."""
    times: dict[str, list[list[float]]] = {"ours": [], "imports": []}
    with browsing() as browser:
        for _ in range(rounds):
            start = time.perf_counter()
            with serving("app.py", variables=variables) as server:
                tab = open_page(browser, server.url)
                times["ours"].append([time.perf_counter() - start])
                tab.close()
            start = time.perf_counter()
            subprocess.run([sys.executable, "-c", "import torch, gradio"], check=True)
            times["imports"].append([time.perf_counter() - start])
    return compared(times)


def measure_opening(url: str) -> Opening:
    """What a first and a second visit load, and when the first face is there at the end of a slow line."""
    with browsing() as browser:
        with line_to(url) as (here, line):
            context = browser.new_context()
            visits = []
            for _ in range(2):
                before, start = line.received, time.perf_counter()
                tab = context.new_page()
                tab.set_default_timeout(1000 * PATIENCE)
                tab.goto(here)
                tab.wait_for_function(_HERE)
                visits.append((line.received - before, time.perf_counter() - start))
                tab.wait_for_load_state("networkidle")
                tab.close()
        with line_to(url, DELAY, RATE) as (far, _):
            start = time.perf_counter()
            open_page(browser, far)
            slow = time.perf_counter() - start
    (first, ready), (second, _) = visits
    return {"first_bytes": first, "second_bytes": second, "ready_s": ready, "slow_line_s": slow}


def captured_request(url: str) -> tuple[str, dict[str, Any]]:
    """How a page asks the server for a face: the path, and the body as JSON."""
    with browsing() as browser:
        page = browser.new_page()
        page.add_init_script(SAVES_DATA)
        page.set_default_timeout(1000 * PATIENCE)
        with page.expect_request("**/component_server/**") as found:
            page.goto(f"{url}/?seed=1")
        return found.value.url.removeprefix(url), found.value.post_data_json or {}


async def measure_rush(url: str, count: int) -> Rush:
    """All open a link at the same moment, before their browsers can draw, each with a face of its own: how many get it,
    and how many are told that the server is busy."""
    path, body = await asyncio.to_thread(captured_request, url)

    async def come(number: int) -> str:
        asked = {**body, "data": {"states": [asdict(State(number))], "size": PICTURE_SIZE}}
        async with httpx.AsyncClient(base_url=url, timeout=PATIENCE) as client:
            answered = await client.post(path, json={**asked, "session_hash": uuid.uuid4().hex})
        told = answered.text
        return "served" if "data:image" in told else "turned away" if "waiting already" in told else told

    told = Counter(await asyncio.gather(*map(come, range(count))))
    rush: Rush = {"visitors": count, "served": told.pop("served", 0), "turned_away": told.pop("turned away", 0)}
    if told:
        raise RuntimeError(f"the server answered with neither a face nor that it is busy: {next(iter(told))[:200]}")
    return rush


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", help="folder or Hub id of the editor; the embedded one if not given")
    parser.add_argument("--visitors", type=int, default=500, help="visitors who come at one moment")
    parser.add_argument("--rounds", type=int, default=5, help="rounds in the browser")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/serve.json"), help="where to write the figures")
    arguments = parser.parse_args()

    variables = {"EXPRESSIONS_MODEL": arguments.weights} if arguments.weights else {}
    with tempfile.TemporaryDirectory() as folder, serving("app.py", variables=variables) as server:
        pictures = write_pictures(Editor.from_pretrained(arguments.weights), Path(folder))
        paint, edit, requests = measure_moves(server.url, pictures, arguments.rounds)
        opening = measure_opening(server.url)
        rush = asyncio.run(measure_rush(server.url, arguments.visitors))
    report: ServeReport = {
        "device": device_name(torch.device("cpu")),
        "torch": torch.__version__,
        "gradio": gradio.__version__,
        "paint": paint,
        "requests": requests,
        "edit": edit,
        "opening": opening,
        "rush": rush,
        "start": measure_start(variables, arguments.rounds),
    }
    write_report(report, arguments.out)
    print(tables.serving(report))


if __name__ == "__main__":
    main()
