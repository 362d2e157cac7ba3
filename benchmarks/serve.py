"""What a visitor waits for: beside Gradio with handlers that do nothing, in one run.

What is compared takes turns, so that a noisy machine slows all. The empty handlers answer with drafts of app.py: one
through Gradio's queue, which is its default, the other directly, around the queue, as app.py answers everything.

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
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from urllib.parse import urlsplit

import gradio
import httpx
import playwright.sync_api
import torch
from playwright.sync_api import Browser, Page

from expressions import Editor
from expressions.demo.faces import PICTURE_SIZE, FaceCache
from expressions.demo.page import Page as Answers
from expressions.demo.state import State

from . import tables
from .reports import Compared, Load, Rush, ServeReport, Times, device_name, write_report
from .servers import Server, browsing, serving
from .visitors import PATIENCE, QueueFullError, Request, ServerError, Visitor

DRAGS = 100  # of the computation: a seed and a slider each
VALUES = 5  # asked for in each of them
BLOCK = 16  # inputs in a row on one page; even, so that each brings another picture
TURNS = 4  # that each server takes under load
WARM_UP = 10.0  # seconds of load before the first turn
STRIP = (0, 13, 25, 38, 50, 63, 75, 88, 100)  # values of a filmstrip, as in views.js
SAVES_DATA = "Object.defineProperty(navigator, 'connection', { value: { saveData: true } })"
RUSH = 10  # times as many visitors, to see the queue turn some away


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


def measure_computation(editor: Editor) -> tuple[Times, Times, Times]:
    """A draft, encoded; an edit as at rest, measured and corrected; the edits of a filmstrip. All in one thread."""
    torch.set_num_threads(1)
    faces = FaceCache(editor)
    answers = Answers(faces)
    draw = random.Random(0)  # noqa: S311, nothing is secret here
    times: dict[str, list[float]] = {"draft": [], "edit": [], "strip": []}

    @contextmanager
    def clock(name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        times[name].append(time.perf_counter() - start)

    for _ in range(DRAGS):
        seed, slider = draw.randrange(2**32), draw.choice(faces.attributes)
        face = faces.face(seed, {})  # as the page draws it before its sliders can be moved
        for value in draw.sample(range(101), VALUES):
            targets = {slider: float(value)}
            with clock("edit"):
                editor.follow(face, targets)
            with clock("draft"):
                answers.draft({"state": asdict(State(seed, targets))})
        with clock("strip"):
            for value in STRIP:
                editor.follow(face, {slider: float(value)})
    draft, edit, strip = map(spread, times.values())
    return draft, edit, strip


def write_pictures(editor: Editor, folder: Path) -> list[Path]:
    """Two drafts, which the empty handlers answer with."""
    answers = Answers(FaceCache(editor))
    paths = [folder / f"{seed}.html" for seed in range(2)]
    for seed, path in enumerate(paths):
        path.write_text(f'<img src="{answers.draft({"state": asdict(State(seed))})["src"]}">')
    return paths


@contextmanager
def all_pages(variables: Mapping[str, str], pictures: Sequence[Path]) -> Iterator[dict[str, Server]]:
    """Serve the page of app.py, and those whose handlers do nothing."""
    empty = ("-m", "benchmarks.empty_page", *map(str, pictures))
    with ExitStack() as stack:
        yield {
            "ours": stack.enter_context(serving("app.py", variables=variables)),
            "empty": stack.enter_context(serving(*empty)),
            "direct": stack.enter_context(serving(*empty, "direct")),
        }


# In the browser -----------------------------------------------------------------------------------

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


def open_page(browser: Browser, url: str, saves_data: bool = True) -> tuple[Page, list[Request]]:
    """Open a page and wait until its face is on the screen; the list goes on to collect what the page sends. Where a
    visitor saves data, the server draws all faces; otherwise the browser does: see in_browser.py."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    if saves_data:
        page.add_init_script(SAVES_DATA)
    page.set_default_timeout(1000 * PATIENCE)
    sent: list[Request] = []

    def note(request: playwright.sync_api.Request) -> None:
        if request.method == "POST":
            sent.append(Request(urlsplit(request.url).path, request.post_data_json or {}))

    page.on("request", note)
    page.goto(url)
    page.wait_for_selector("#face img")
    page.evaluate(_FIRST_PAINT)
    return page, sent


def seconds_to_paint(page: Page, draw: random.Random) -> list[float]:
    """Move the first slider from one end to the other and back, `BLOCK` times: up to odd values, down to even ones."""
    page.bring_to_front()
    slider = page.locator("input[type=range]:visible").first
    values = [draw.randrange(0, 25, 2) if turn % 2 else draw.randrange(75, 100, 2) for turn in range(BLOCK)]
    return [slider.evaluate(_MOVE, value) / 1000 for value in values]


def measure_paint(servers: Mapping[str, Server], rounds: int) -> tuple[Compared, dict[str, list[Request]]]:
    """From a slider's input event to the new picture on the screen; and what each page sent for it. What it sent on
    another occasion, while it waited for an answer, brings no draft and is left out."""
    draw = random.Random(0)  # noqa: S311
    times: dict[str, list[list[float]]] = {name: [] for name in servers}
    requests = {}
    with browsing() as browser:
        tabs = {name: open_page(browser, server.url) for name, server in servers.items()}
        for name, (tab, sent) in tabs.items():
            tab.wait_for_load_state("networkidle")
            opening = len(sent)
            seconds_to_paint(tab, draw)  # warm up
            occasion = sent[opening].occasion
            requests[name] = [one for one in sent[opening:] if one.occasion == occasion]
        for _ in range(rounds):
            for name, (tab, _) in tabs.items():
                times[name].append(seconds_to_paint(tab, draw))
    return compared(times), requests


def measure_start(variables: Mapping[str, str], rounds: int) -> Compared:
    """From `python app.py` to the first face on the screen, beside the imports that it cannot do without."""
    times: dict[str, list[list[float]]] = {"ours": [], "imports": []}
    with browsing() as browser:
        for _ in range(rounds):
            start = time.perf_counter()
            with serving("app.py", variables=variables) as server:
                tab, _ = open_page(browser, server.url)
                times["ours"].append([time.perf_counter() - start])
                tab.close()
            start = time.perf_counter()
            subprocess.run([sys.executable, "-c", "import torch, gradio"], check=True)
            times["imports"].append([time.perf_counter() - start])
    return compared(times)


# Load ---------------------------------------------------------------------------------------------


async def measure_load(
    servers: Mapping[str, Server], requests: Mapping[str, Sequence[Request]], count: int, seconds: float
) -> Load:
    """As many events as each server answers to so many visitors, who drag at once; the servers take turns."""
    crowds = {name: [Visitor(server.url) for _ in range(count)] for name, server in servers.items()}
    took = dict.fromkeys(crowds, 0.0)

    async def drag(name: str, seconds: float) -> float:
        start = time.perf_counter()
        await asyncio.gather(*(visitor.drag(requests[name], start + seconds) for visitor in crowds[name]))
        return time.perf_counter() - start

    for name, crowd in crowds.items():
        await drag(name, WARM_UP)
        for visitor in crowd:
            visitor.answers, visitor.errors = 0, Counter()
    for _ in range(TURNS):
        for name in crowds:
            took[name] += await drag(name, seconds / TURNS)
    for crowd in crowds.values():
        await asyncio.gather(*(visitor.close() for visitor in crowd))
    rates = {name: sum(visitor.answers for visitor in crowd) / took[name] for name, crowd in crowds.items()}
    return {
        "visitors": count,
        "events_per_second": rates,
        "ratios": {name: rates["ours"] / rate for name, rate in rates.items() if name != "ours"},
        "errors": dict(sum((visitor.errors for visitor in crowds["ours"]), Counter())),
    }


async def measure_rush(server: Server, draft: Request, count: int) -> Rush:
    """All open a link at the same moment, each with a face of its own: how many get it, and how many are told that the
    server is busy. A draft shows how the page asks."""

    async def come(number: int) -> str:
        visitor = Visitor(server.url)
        asked = {"states": [asdict(State(number))], "size": PICTURE_SIZE}
        try:
            await visitor.send(Request(draft.path, {**draft.body, "fn_name": "faces", "data": asked}))
        except QueueFullError:
            return "turned away"
        except (ServerError, httpx.HTTPError) as error:
            return f"{type(error).__name__}: {error}"
        finally:
            await visitor.close()
        return "served"

    told = Counter(await asyncio.gather(*map(come, range(count))))
    return {"visitors": count, "served": told["served"], "turned_away": told["turned away"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", help="folder or Hub id of the editor; the embedded one if not given")
    parser.add_argument("--visitors", type=int, default=50, help="visitors who drag at once")
    parser.add_argument("--seconds", type=float, default=120, help="how long they drag on each server")
    parser.add_argument("--rounds", type=int, default=5, help="rounds in the browser")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/serve.json"), help="where to write the figures")
    arguments = parser.parse_args()

    editor = Editor.from_pretrained(arguments.weights)
    variables = {"EXPRESSIONS_MODEL": arguments.weights} if arguments.weights else {}
    draft, edit, strip = measure_computation(editor)
    with (
        tempfile.TemporaryDirectory() as folder,
        all_pages(variables, write_pictures(editor, Path(folder))) as servers,
    ):
        paint, requests = measure_paint(servers, arguments.rounds)
        load = asyncio.run(measure_load(servers, requests, arguments.visitors, arguments.seconds))
        rush = asyncio.run(measure_rush(servers["ours"], requests["ours"][0], RUSH * arguments.visitors))
    report: ServeReport = {
        "device": device_name(torch.device("cpu")),
        "torch": torch.__version__,
        "gradio": gradio.__version__,
        "draft": draft,
        "edit": edit,
        "strip": strip,
        "paint": paint,
        "load": load,
        "rush": rush,
        "start": measure_start(variables, arguments.rounds),
    }
    write_report(report, arguments.out)
    print(tables.serving(report))


if __name__ == "__main__":
    main()
