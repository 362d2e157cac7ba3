"""Heat maps of leaks: what each slider changes besides, as benchmarks/editing.py measured it."""

import html
from collections.abc import Callable, Mapping
from typing import Any

from ..figures import RIVAL

CELL, LABEL, GAP, TOP = 26, 150, 70, 170  # pixels: a cell's side; room for names on the left, between maps, above
_TITLES = {"ours": "Expressions", RIVAL: "Mean difference, same generator"}
_STYLE = "text{font-size:12px;font-family:sans-serif}.n{font-size:10px;text-anchor:middle}.r{text-anchor:end}"


def draw(editing: Mapping[str, Any], named: Callable[[str], str] = lambda name: name.replace("_", " ")) -> str:
    """Draw the leaks of our editor and, where it was measured, of the rival: SVG.

    Args:
        editing: what benchmarks/editing.py wrote, or as much of it as the published figures hold.
        named: what a slider is called.
    """
    names = [html.escape(named(name)) for name in editing["sliders"]]
    methods = {title: editing["methods"][name] for name, title in _TITLES.items() if name in editing["methods"]}
    pitch = len(names) * CELL + GAP
    width, height = LABEL + len(methods) * pitch, TOP + len(names) * CELL + 8
    parts = []
    for number, (title, method) in enumerate(methods.items()):
        parts += _heat_map(title, method, editing["sliders"], names, LABEL + number * pitch)
    for row, name in enumerate(names):
        parts.append(f'<text x="{LABEL - 8}" y="{TOP + row * CELL + 17}" class="r">{name}</text>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'fill="#222"><rect width="100%" height="100%" fill="#ffffff"/><style>{_STYLE}</style>{"".join(parts)}</svg>\n'
    )


def _heat_map(title: str, method: Mapping[str, Any], sliders: list[str], names: list[str], left: int) -> list[str]:
    parts = [f'<text x="{left}" y="16" font-weight="600">{html.escape(title)}</text>']
    parts.append(f'<text x="{left}" y="34">{method["mean_dependency"]:.2f} sd a slider and attribute</text>')
    for column, name in enumerate(names):
        x = left + column * CELL + CELL / 2 + 4
        parts.append(f'<text transform="translate({x},{TOP - 6}) rotate(-60)">{name}</text>')
    for row, changes in enumerate(cells(method, sliders)):
        for column, change in enumerate(changes):
            x, y = left + column * CELL, TOP + row * CELL
            tone = "#ffffff" if abs(change or 0) > 0.6 else "#222222"
            parts.append(f'<rect x="{x}" y="{y}" width="{CELL - 1}" height="{CELL - 1}" fill="{_colour(change)}"/>')
            parts.append(f'<text x="{x + CELL / 2 - 1}" y="{y + 16}" class="n" fill="{tone}">{written(change)}</text>')
    return parts


def cells(method: Mapping[str, Any], sliders: list[str]) -> list[list[float | None]]:
    """What changed, in standard deviations: a row for each slider moved by 1, a column for each slider's change."""
    columns = [method["columns"].index(name) for name in sliders]
    return [[changes[column] for column in columns] for changes in method["matrix"]]


def written(change: float | None) -> str:
    """A change as its cell says it."""
    return "?" if change is None else f"{change:.1f}".replace("-0.0", "0.0")


def _colour(change: float | None) -> str:
    """White at 0, blue at -1 standard deviation or below, red at 1 or above, grey where no face was measured."""
    if change is None:
        return "#cccccc"
    share = min(abs(change), 1.0)
    red, green, blue = (178, 24, 43) if change > 0 else (33, 102, 172)
    return "rgb({:.0f},{:.0f},{:.0f})".format(*(255 + share * (channel - 255) for channel in (red, green, blue)))
