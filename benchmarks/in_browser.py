"""What a visitor waits for whose browser draws the faces: beside a Gradio handler that does nothing, in one run.

The pages take turns, so that a noisy machine slows all. The empty handler answers around Gradio's queue, with a picture
that is drawn already. One more tab is at the end of a slow line.

    python -m benchmarks.in_browser

Prints a table. Writes in_browser.json.
"""

import argparse
import gzip
import random
import tempfile
import time
from pathlib import Path

import torch
from playwright.sync_api import Page

from expressions import Editor
from expressions.attributes import SLIDERS
from expressions.demo.engine_files import EngineFiles

from .reports import InBrowserReport, device_name, write_report
from .serve import all_pages, compared, open_page, seconds_to_paint, spread, write_pictures
from .servers import browsing
from .visitors import PATIENCE

EDITS = 40  # at rest: a seed and a slider each
LINE = 300  # milliseconds there and back on a slow line
_HERE = "document.querySelector('#place').textContent.startsWith('These faces are drawn')"
_EDIT = """
async ([seed, name, value]) => {
    const state = { seed, attempts: 8, targets: {} };
    await expressions.answers.ask("faces", [state], 512);
    const start = performance.now();
    await expressions.answers.ask("faces", [{ ...state, targets: { [name]: value } }], 512);
    return performance.now() - start;
}
"""


def seconds_to_edit(page: Page, count: int) -> list[float]:
    """From a request at rest to its answer: the edit of a face that is known, measured and corrected."""
    draw = random.Random(0)  # noqa: S311, nothing is secret here
    asked = [[draw.randrange(2**32), draw.choice(SLIDERS), draw.randrange(101)] for _ in range(count)]
    return [page.evaluate(_EDIT, one) / 1000 for one in asked]


def slow_down(page: Page) -> None:
    """Put a tab at the end of a slow line, once it is open."""
    line = {"offline": False, "latency": LINE, "downloadThroughput": -1, "uploadThroughput": -1}
    page.context.new_cdp_session(page).send("Network.emulateNetworkConditions", line)


def measure(rounds: int) -> InBrowserReport:
    draw = random.Random(0)  # noqa: S311
    editor = Editor.from_pretrained()
    with (
        tempfile.TemporaryDirectory() as folder,
        all_pages({}, write_pictures(editor, Path(folder))) as servers,
        browsing() as browser,
    ):
        start = time.perf_counter()
        tabs = {name: open_page(browser, servers[name].url, saves_data=False)[0] for name in ("ours", "direct")}
        tabs["ours"].wait_for_function(_HERE, timeout=1000 * PATIENCE)
        ready = time.perf_counter() - start
        tabs["slow line"] = open_page(browser, servers["ours"].url, saves_data=False)[0]
        tabs["slow line"].wait_for_function(_HERE, timeout=1000 * PATIENCE)
        slow_down(tabs["slow line"])
        times: dict[str, list[list[float]]] = {name: [] for name in tabs}
        for _ in range(rounds + 1):
            for name, tab in tabs.items():
                times[name].append(seconds_to_paint(tab, draw))
        edits = seconds_to_edit(tabs["ours"], EDITS)
    files = EngineFiles(editor)
    return {
        "device": device_name(torch.device("cpu")),
        "bytes": sum(len(gzip.compress(files.read(name))) for name in files.names if not name.endswith(".txt")),
        "ready_s": ready,
        "paint": compared({name: parts[1:] for name, parts in times.items()}),  # the first round warms up
        "edit": spread(edits),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="rounds of drags on each page")
    parser.add_argument(
        "--out", type=Path, default=Path("benchmarks/in_browser.json"), help="where to write the figures"
    )
    arguments = parser.parse_args()
    report = measure(arguments.rounds)
    write_report(report, arguments.out)
    paint, edit = report["paint"], report["edit"]
    print("| in the browser | median | 95 % |\n| --- | --- | --- |")
    for name, spent in {**paint["times"], "edit at rest": edit}.items():
        print(f"| {name} | {spent['median_ms']:.0f} ms | {spent['p95_ms']:.0f} ms |")
    print(f"ours / direct {paint['ratios']['direct']:.2f}")
    print(f"{report['bytes'] / 1e6:.2f} MB, ready after {report['ready_s']:.1f} s")


if __name__ == "__main__":
    main()
