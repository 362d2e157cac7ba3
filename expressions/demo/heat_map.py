"""What each slider leaks into, drawn from the JSON of benchmarks/editing.py."""

import html
from collections.abc import Callable, Mapping
from typing import Any

CELL, LABEL, GAP, TOP = 26, 150, 70, 170
RIVAL = "mean difference"


def colour(value: float | None) -> str:
    """White at 0, blue at -1 standard deviation or below, red at 1 or above, grey where no face was measured."""
    if value is None:
        return "#cccccc"
    share = min(abs(value), 1.0)
    red, green, blue = (178, 24, 43) if value > 0 else (33, 102, 172)
    return "rgb({:.0f},{:.0f},{:.0f})".format(*(255 + share * (channel - 255) for channel in (red, green, blue)))


def spaced(attribute: str) -> str:
    """CelebA's name of an attribute, to be read."""
    return attribute.replace("_", " ")


def written(value: float | None) -> str:
    """A change, as its cell says it."""
    return "?" if value is None else f"{value:.1f}".replace("-0.0", "0.0")


def cells(method: Mapping[str, Any], sliders: list[str]) -> list[list[float | None]]:
    """What changed, in standard deviations: a row for each slider moved by 1, a column for each slider's change."""
    columns = [method["columns"].index(name) for name in sliders]
    return [[values[column] for column in columns] for values in method["matrix"]]


def heat_map(
    title: str, method: Mapping[str, Any], sliders: list[str], left: int, named: Callable[[str], str]
) -> list[str]:
    """SVG elements of the `cells` of one method."""
    text = [f'<text x="{left}" y="16" font-weight="600">{html.escape(title)}</text>']
    text.append(f'<text x="{left}" y="34">{method["mean_dependency"]:.2f} sd a slider and attribute</text>')
    for number, name in enumerate(sliders):
        x = left + number * CELL + CELL / 2 + 4
        text.append(f'<text transform="translate({x},{TOP - 6}) rotate(-60)">{html.escape(named(name))}</text>')
    for row, values in enumerate(cells(method, sliders)):
        for number, value in enumerate(values):
            x, y = left + number * CELL, TOP + row * CELL
            tone = "#ffffff" if abs(value or 0) > 0.6 else "#222222"
            text.append(f'<rect x="{x}" y="{y}" width="{CELL - 1}" height="{CELL - 1}" fill="{colour(value)}"/>')
            text.append(f'<text x="{x + CELL / 2 - 1}" y="{y + 16}" class="n" fill="{tone}">{written(value)}</text>')
    return text


def draw(result: Mapping[str, Any], named: Callable[[str], str] = spaced) -> str:
    """The figure as SVG, with the sliders `named`."""
    sliders = result["sliders"]
    titles = {"ours": "Expressions", RIVAL: "Mean difference, generator without edits"}
    width = LABEL + len(sliders) * CELL
    parts = []
    for number, (name, title) in enumerate((n, t) for n, t in titles.items() if n in result["methods"]):
        left = LABEL + number * (len(sliders) * CELL + GAP)
        parts += heat_map(title, result["methods"][name], sliders, left, named)
        width = LABEL + (number + 1) * (len(sliders) * CELL + GAP)
    for row, name in enumerate(sliders):
        parts.append(f'<text x="{LABEL - 8}" y="{TOP + row * CELL + 17}" class="r">{html.escape(named(name))}</text>')
    height = TOP + len(sliders) * CELL + 8
    style = "text{font-size:12px;font-family:sans-serif}.n{font-size:10px;text-anchor:middle}.r{text-anchor:end}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'fill="#222"><rect width="100%" height="100%" fill="#ffffff"/><style>{style}</style>{"".join(parts)}</svg>\n'
    )
