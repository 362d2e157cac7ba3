"""What a visitor waits for: beside Gradio with handlers that do nothing, in one run.

Five measurements. On one core, the computation of what a drag shows on its way, a draft, and of the parts of the face
that follows where it rests. In Chromium, the time from a slider's input event to the new picture on the screen, a
draft. The events per second of many visitors who drag at once, and what the server's memory and disk do. How many of a
crowd that comes at one moment are served. The time from `python app.py` to the first face in Chromium, beside that of
importing torch and gradio. What is compared alternates, so that a noisy machine slows all. The empty handlers answer
with drafts of app.py: one through Gradio's queue, which is its default, the other directly, around the queue, as
app.py answers a drag.

    PYTHONPATH=. python benchmarks/serve.py

Prints a table and writes JSON.
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
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import gradio
import httpx
import torch
from machine import processor
from playwright.sync_api import Browser, Page
from reports import write_report
from servers import Server, browsing, serving
from visitors import PATIENCE, Drag, QueueFullError, ServerError, Visitor

from expressions import Editor
from expressions.demo.faces import STRIP, Faces, data_url, enlarged
from expressions.demo.page import Page as PageAnswers

DRAGS = 100  # of the computation: a seed and a slider each
VALUES = 5  # asked for in each of them
BLOCK = 16  # inputs in a row on one page; even, so that each brings another picture
TURNS = 4  # that each server takes under load
WARM_UP = 10.0  # seconds of load before the first turn
REST = 10.0  # seconds after the last
RUSH = 10  # times as many visitors, to see the queue turn some away
GOALS = {
    "compute": "median <= 15 ms",
    "paint": "ratio to empty <= 1.5",
    "load": "ratio to empty >= 0.8, no error, slowest >= 0.5 of the median visitor, memory flat",
    "start": "ratio <= 1.3",
}

Figures = dict[str, Any]


def spread(seconds: Sequence[float]) -> Figures:
    """Median and 95th percentile, in milliseconds."""
    times = sorted(1000 * second for second in seconds)
    return {"median_ms": statistics.median(times), "p95_ms": times[int(0.95 * len(times))]}


# Computation --------------------------------------------------------------------------------------


class Handler:
    """What the page does at a slider event."""

    def __init__(self, editor: Editor) -> None:
        self.editor = editor
        self.page = PageAnswers(Faces(editor))
        self.attributes = self.page.faces.attributes
        first = self.page.first
        self.view = (first.view, first.strip, first.across, first.down, first.to)

    def draft(self, seed: int, targets: Mapping[str, float]) -> Any:
        """What the page's function returns: a picture, encoded."""
        sliders = {**self.page.faces.own_values(seed), **targets}
        request = f"1?seed={seed}"
        return self.page.draft(request, request, *self.view, *sliders.values())


def measure_compute(editor: Editor) -> Figures:
    """An edit as at rest, measured and corrected, synthesis and encoding by themselves, a whole draft ("together"), and
    the edits of a filmstrip.

    All in one thread.
    """
    torch.set_num_threads(1)
    handler = Handler(editor)
    draw = random.Random(0)  # noqa: S311, nothing is secret here
    times: dict[str, list[float]] = {name: [] for name in ("edit", "synthesize", "encode", "together")}
    strips = []
    for _ in range(DRAGS):
        seed, slider = draw.randrange(2**32), draw.choice(handler.attributes)
        handler.draft(seed, {})  # as the page does before its sliders can be moved
        start = editor.look(editor.latents(seed))
        for value in draw.sample(range(101), VALUES):
            targets = {slider: float(value)}
            marks = [time.perf_counter()]
            face = editor.follow(start, targets)
            marks.append(time.perf_counter())
            editor.synthesize(face.z)
            marks.append(time.perf_counter())
            data_url(enlarged(face.image[0]))
            marks.append(time.perf_counter())
            handler.draft(seed, targets)
            marks.append(time.perf_counter())
            for (before, after), seconds in zip(pairwise(marks), times.values(), strict=True):
                seconds.append(after - before)
        before = time.perf_counter()
        for value in STRIP:
            editor.follow(start, {slider: float(value)})
        strips.append(time.perf_counter() - before)
    spreads = {name: spread(seconds) for name, seconds in (times | {"strip": strips}).items()}
    return {"events": DRAGS * VALUES, "strips": DRAGS, **spreads}


# Servers ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Pages:
    """How to serve the page of app.py, and those whose handlers do nothing."""

    variables: Mapping[str, str]
    pictures: tuple[str, str]

    @contextmanager
    def ours(self) -> Iterator[Server]:
        with serving("app.py", variables=self.variables) as server:
            yield server

    @contextmanager
    def all(self) -> Iterator[dict[str, Server]]:
        empty_page = ("benchmarks/empty_page.py", *self.pictures)
        with self.ours() as ours, serving(*empty_page) as empty, serving(*empty_page, "direct") as direct:
            yield {"ours": ours, "empty": empty, "direct": direct}


@contextmanager
def preparing(weights: str | None) -> Iterator[Pages]:
    """Take two drafts of app.py, for the empty handlers to answer with."""
    variables = {"EXPRESSIONS_MODEL": weights} if weights else {}
    with tempfile.TemporaryDirectory() as folder:
        paths = (Path(folder) / "one.html", Path(folder) / "other.html")
        with serving("app.py", variables=variables) as server:
            for number, path in enumerate(paths):
                path.write_text(asyncio.run(_draft(server.url, number)))
        if paths[0].read_text() == paths[1].read_text():
            raise RuntimeError("the same picture for two seeds")
        yield Pages(variables, (str(paths[0]), str(paths[1])))


async def _draft(url: str, seed: int) -> str:
    visitor = Visitor(url, seed)
    await visitor.open()
    slider, value = next(visitor.moves())
    visitor.values[slider] = value
    await visitor.fire("input", slider)
    await visitor.close()
    if "data-draft" not in visitor.picture:
        raise RuntimeError("a drag was not answered with a draft")
    return visitor.picture


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


def open_page(browser: Browser, url: str) -> Page:
    """Open a page and wait until its face is on the screen."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(1000 * PATIENCE)
    page.goto(url)
    page.wait_for_selector("#face img")
    page.evaluate(_FIRST_PAINT)
    return page


def seconds_to_paint(page: Page, draw: random.Random) -> list[float]:
    """Move the first slider from one end to the other and back, `BLOCK` times: up to odd values, down to even ones."""
    page.bring_to_front()
    slider = page.locator("input[type=range]:visible").first
    values = [draw.randrange(0, 25, 2) if turn % 2 else draw.randrange(75, 100, 2) for turn in range(BLOCK)]
    return [slider.evaluate(_MOVE, value) / 1000 for value in values]


def measure_paint(pages: Pages, rounds: int) -> Figures:
    """From a slider's input event to the new picture on the screen; the pages take turns."""
    draw = random.Random(0)  # noqa: S311
    with pages.all() as servers, browsing() as browser:
        times: dict[str, list[list[float]]] = {name: [] for name in servers}
        tabs = {name: open_page(browser, server.url) for name, server in servers.items()}
        for tab in tabs.values():
            tab.wait_for_load_state("networkidle")
            seconds_to_paint(tab, draw)  # warm up
        for _ in range(rounds):
            for name, tab in tabs.items():
                times[name].append(seconds_to_paint(tab, draw))
    return {"rounds": rounds, "inputs": BLOCK, **compared(times)}


def compared(rounds: Mapping[str, Sequence[Sequence[float]]]) -> Figures:
    """The spread of each side over all rounds; the median over rounds of the ratio of ours to each of the others."""
    figures: Figures = {name: spread([second for part in parts for second in part]) for name, parts in rounds.items()}
    medians = {name: [statistics.median(part) for part in parts] for name, parts in rounds.items()}
    ours = medians.pop("ours")
    ratios = {name: [a / b for a, b in zip(ours, others, strict=True)] for name, others in medians.items()}
    return figures | {"ratios": {name: statistics.median(values) for name, values in ratios.items()}}


def measure_start(pages: Pages, rounds: int) -> Figures:
    """From `python app.py` to the first face on the screen, beside the imports that it cannot do without."""
    times: dict[str, list[list[float]]] = {"ours": [], "imports": []}
    with browsing() as browser:
        for _ in range(rounds):
            start = time.perf_counter()
            with pages.ours() as server:
                tab = open_page(browser, server.url)
                times["ours"].append([time.perf_counter() - start])
                tab.close()
            start = time.perf_counter()
            subprocess.run([sys.executable, "-c", "import torch, gradio"], check=True)
            times["imports"].append([time.perf_counter() - start])
    return {"rounds": rounds, **compared(times)}


# Load ---------------------------------------------------------------------------------------------


class Crowd:
    """Visitors of one server who drag at once, and what each of them met."""

    def __init__(self, url: str, count: int) -> None:
        self.url = url
        self.visitors = [Visitor(url, number) for number in range(count)]
        self.drags = [Drag() for _ in self.visitors]

    async def open(self) -> None:
        await asyncio.gather(*(visitor.open() for visitor in self.visitors))

    async def drag(self, seconds: float) -> float:
        """Drag for so long; the seconds that it took until the last answer."""
        start = time.perf_counter()
        pairs = zip(self.drags, self.visitors, strict=True)
        await asyncio.gather(*(drag.go(visitor, start + seconds) for drag, visitor in pairs))
        return time.perf_counter() - start

    async def close(self) -> None:
        await asyncio.gather(*(visitor.close() for visitor in self.visitors))

    def forget(self) -> None:
        self.drags = [Drag() for _ in self.visitors]

    def figures(self, seconds: float) -> Figures:
        counts = [len(drag.seconds) for drag in self.drags]
        errors = Counter(error for drag in self.drags for error in drag.errors)
        changes = sum(drag.changes for drag in self.drags)
        if 2 * changes < sum(counts):
            raise RuntimeError(f"only {changes} of {sum(counts)} events at {self.url} changed the picture; {errors}")
        return {
            "events": sum(counts),
            "seconds": seconds,
            "events_per_second": sum(counts) / seconds,
            "pictures_changed": changes / sum(counts),
            "errors": errors,
            "slowest_to_median_visitor": min(counts) / statistics.median(counts),
            **spread([second for drag in self.drags for second in drag.seconds]),
        }


def resident(server: Server) -> float:
    """Megabytes that a server holds in memory.

    Raises:
        RuntimeError: it has ended.
    """
    if server.process.poll() is not None:
        raise RuntimeError(f"the server ended with status {server.process.returncode}: {server.log.read_text()}")
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) / 1024


async def measure_load(servers: Mapping[str, Server], count: int, seconds: float) -> Figures:
    """As many events as each server answers, in turns; the memory and the files of ours on the way."""
    ours = servers["ours"]
    memory = {"before": resident(ours)}
    crowds = {name: Crowd(server.url, count) for name, server in servers.items()}
    for crowd in crowds.values():
        await crowd.open()
        await crowd.drag(WARM_UP)
        crowd.forget()
    memory["after_warm_up"] = resident(ours)
    took = dict.fromkeys(crowds, 0.0)
    for _ in range(TURNS):
        for name, crowd in crowds.items():
            took[name] += await crowd.drag(seconds / TURNS)
    memory["at_the_end"] = resident(ours)
    sizes = [path.stat().st_size for path in ours.folder.rglob("*") if path.is_file()]
    for crowd in crowds.values():
        await crowd.close()
    await asyncio.sleep(REST)
    memory["after_a_rest"] = resident(ours)
    figures = {name: crowd.figures(took[name]) for name, crowd in crowds.items()}
    speeds = {name: figure["events_per_second"] for name, figure in figures.items()}
    ours_per_second = speeds.pop("ours")
    ratios = {name: ours_per_second / speed for name, speed in speeds.items()}
    files = {"files": len(sizes), "bytes": sum(sizes)}
    return {"visitors": count, **figures, "ratios": ratios, "memory_megabytes": memory, "temporary": files}


async def measure_rush(server: Server, count: int) -> Figures:
    """All open the page at the same moment: how many got their face, and what the others were told."""

    async def come(visitor: Visitor) -> str:
        try:
            await visitor.open()
        except QueueFullError as error:
            return f"queue full: {error}"
        except (ServerError, httpx.HTTPError) as error:
            return f"{type(error).__name__}: {error}"
        finally:
            await visitor.close()
        return ""

    told = Counter(await asyncio.gather(*(come(Visitor(server.url, number)) for number in range(count))))
    served = told.pop("", 0)
    full = sum(number for text, number in told.items() if text.startswith("queue full"))
    return {"visitors": count, "served": served, "turned_away": full, "told": told}


async def load_and_rush(servers: Mapping[str, Server], count: int, seconds: float) -> tuple[Figures, Figures]:
    return await measure_load(servers, count, seconds), await measure_rush(servers["ours"], RUSH * count)


# Report -------------------------------------------------------------------------------------------


def print_report(report: Figures) -> None:
    """One table: what was measured, and the goal."""
    compute, paint, load, start = (report[name] for name in GOALS)
    rows = [
        *[(f"compute: {name}", _times(compute[name])) for name in ("edit", "strip", "synthesize", "encode")],
        ("compute: a draft", _times(compute["together"]), "compute"),
        *[(f"input to paint: {name}", _times(paint[name])) for name in ("ours", "empty", "direct")],
        ("input to paint: ratios", _ratios(paint), "paint"),
        *[(f"load: {name}", _load(load[name])) for name in ("ours", "empty", "direct")],
        ("load: ratios", _ratios(load), "load"),
        ("load: MB resident", ", ".join(f"{when} {size:.0f}" for when, size in load["memory_megabytes"].items())),
        ("load: temporary", f"{load['temporary']['files']} files, {load['temporary']['bytes'] / 1e6:.1f} MB"),
        ("rush", "{visitors} visitors, {served} served, {turned_away} turned away".format_map(report["rush"])),
        *[(f"start: {name}", _times(start[name])) for name in ("ours", "imports")],
        ("start: ratio", _ratios(start), "start"),
    ]
    for name, figure, *goal in rows:
        print(f"{name:24}{figure}" + "".join(f"   (goal: {GOALS[key]})" for key in goal))


def _times(figures: Figures) -> str:
    return f"median {figures['median_ms']:.1f} ms, 95th percentile {figures['p95_ms']:.1f} ms"


def _ratios(figures: Figures) -> str:
    return ", ".join(f"{ratio:.2f} to {name}" for name, ratio in figures["ratios"].items())


def _load(figures: Figures) -> str:
    return (
        f"{figures['events_per_second']:.1f} events/s, {_times(figures)}, {sum(figures['errors'].values())} errors, "
        f"slowest visitor {figures['slowest_to_median_visitor']:.2f} of the median one"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", help="folder or Hub id of the editor; the embedded one if not given")
    parser.add_argument("--visitors", type=int, default=50, help="visitors who drag at once")
    parser.add_argument("--seconds", type=float, default=120, help="how long they drag on each server")
    parser.add_argument("--rounds", type=int, default=5, help="alternations in the browser")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/serve.json"), help="where to write the figures")
    arguments = parser.parse_args()

    report: Figures = {"device": processor(), "torch": torch.__version__, "gradio": gradio.__version__}
    report |= {"goals": GOALS, "compute": measure_compute(Editor.from_pretrained(arguments.weights))}
    with preparing(arguments.weights) as pages:
        report["paint"] = measure_paint(pages, arguments.rounds)
        with pages.all() as servers:
            load = load_and_rush(servers, arguments.visitors, arguments.seconds)
            report["load"], report["rush"] = asyncio.run(load)
        report["start"] = measure_start(pages, arguments.rounds)
    print_report(report)
    write_report(report, arguments.out)


if __name__ == "__main__":
    main()
