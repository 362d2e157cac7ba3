"""What each slider leaks into, drawn from the JSON of benchmarks/editing.py."""

import html
from collections.abc import Mapping
from typing import Any

CELL, LABEL, GAP, TOP = 26, 150, 30, 150
RIVAL = "mean difference"


def colour(value: float | None) -> str:
    """White at 0, blue at -1 standard deviation or below, red at 1 or above, grey where no face was measured."""
    if value is None:
        return "#cccccc"
    share = min(abs(value), 1.0)
    red, green, blue = (178, 24, 43) if value > 0 else (33, 102, 172)
    return "rgb({:.0f},{:.0f},{:.0f})".format(*(255 + share * (channel - 255) for channel in (red, green, blue)))


def heat_map(title: str, method: Mapping[str, Any], sliders: list[str], left: int) -> list[str]:
    """SVG elements of one matrix: a row for each slider moved by 1 sd, a column for each slider's change."""
    columns = [method["columns"].index(name) for name in sliders]
    text = [f'<text x="{left}" y="16" font-weight="600">{html.escape(title)}</text>']
    text.append(f'<text x="{left}" y="34">{method["mean_dependency"]:.2f} sd a slider and attribute</text>')
    for number, name in enumerate(sliders):
        x = left + number * CELL + CELL / 2 + 4
        text.append(f'<text transform="translate({x},{TOP - 6}) rotate(-60)">{name.replace("_", " ")}</text>')
    for row, values in enumerate(method["matrix"]):
        for number, column in enumerate(columns):
            x, y, value = left + number * CELL, TOP + row * CELL, values[column]
            tone = "#ffffff" if abs(value or 0) > 0.6 else "#222222"
            text.append(f'<rect x="{x}" y="{y}" width="{CELL - 1}" height="{CELL - 1}" fill="{colour(value)}"/>')
            label = "?" if value is None else f"{value:.1f}".replace("-0.0", "0.0")
            text.append(f'<text x="{x + CELL / 2 - 1}" y="{y + 16}" class="n" fill="{tone}">{label}</text>')
    return text


def draw(result: Mapping[str, Any]) -> str:
    """The figure as SVG."""
    sliders = result["sliders"]
    titles = {"ours": "Expressions", RIVAL: "Mean difference, generator without edits"}
    width = LABEL + len(sliders) * CELL
    parts = []
    for number, (name, title) in enumerate((n, t) for n, t in titles.items() if n in result["methods"]):
        parts += heat_map(title, result["methods"][name], sliders, LABEL + number * (len(sliders) * CELL + GAP))
        width = LABEL + (number + 1) * (len(sliders) * CELL + GAP)
    for row, name in enumerate(sliders):
        parts.append(f'<text x="{LABEL - 8}" y="{TOP + row * CELL + 17}" class="r">{name.replace("_", " ")}</text>')
    height = TOP + len(sliders) * CELL + 8
    style = "text{font:12px sans-serif;fill:#222}.n{font-size:10px;text-anchor:middle}.r{text-anchor:end}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
        f'<rect width="100%" height="100%" fill="#ffffff"/><style>{style}</style>{"".join(parts)}</svg>\n'
    )
