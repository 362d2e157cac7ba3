"""The prose of the page: "About", and "How good is it?" from the published figures."""

import html
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..figures import RIVAL, published_figures
from .controls import label
from .heat_map import cells, draw, written

ABOUT = (Path(__file__).parent / "about.html").read_text(encoding="utf-8")
_PICTURES = {
    "fd_mobilenet": "Frechet distance, features of an ImageNet network (0 is best)",
    "probe_accuracy": "Share of faces that a probe of these features tells from real ones (0.5 is best)",
    "doubted": "Share of faces that a face detector doubts more than 98 % of real ones (0.02 is best)",
    "recall_mobilenet": "Recall, these features: share of real faces that it could have drawn",
    "alike": "Share of pairs of faces that a face recogniser takes for one person",
    "copies": "Share of faces that it takes for the same person as the nearest training face",
    "fd_attributes": "Frechet distance, attribute features (0 is best)",
    "fd_random": "Frechet distance, random features (0 is best)",
    "recall": "Recall, attribute features",
    "rate_error": "Mean error of the rates of 40 attributes",
    "worst_rate": "Factor by which the worst of the rates above 3 % is off",
    "novelty": "Distance to the nearest training face, relative to that of real faces",
}
_SHARES = {"doubted": ".1%", "alike": ".2%", "copies": ".1%"}


def quality(weights: str) -> str:
    """The published figures of the weights with this fingerprint, as HTML."""
    figures = published_figures(weights)
    if not figures:
        return f"<p>Nobody has published figures for these weights ({weights}).</p>"
    return (
        f"<p>Measured on the weights that you see ({weights}), by networks that took no part in making them, but for "
        "skin tone, which is computed from the pixels by one formula.</p>"
        f"<h2>What a slider changes from one end to the other</h2>{_end_to_end(figures['editing'])}"
        f"<h2>Beside other editors</h2>{_leaks(figures['editing'])}"
        f"<h2>The pictures</h2>{_pictures(figures['quality'])}"
    )


def _end_to_end(editing: Mapping[str, Any]) -> str:
    overall = editing["overall"]
    rows = [
        (
            label(name),
            f"{row['own']:.2f}",
            f"{row['others']:.2f}",
            f"{row['largest']:.2f}, {label(row['largest_in'])}",
            f"{row['mean_absolute_error']:.1f}",
            f"{100 * row['within_reach']:.0f} %",
        )
        for name, row in editing["sliders"].items()
    ]
    head = ("Slider", "Its own", "Others, mean", "Largest", "Asked and read differ by, points", "Within reach")
    return (
        f"<p>A slider that goes from 5 to 95 moves its own attribute by {overall['own']:.1f} standard deviations, and "
        f"another by {overall['others']:.2f} on average; what changes most with any slider, by "
        f"{overall['largest']:.2f}. Not counted is what may go along by the meaning of the words, such as a beard "
        f"where a face becomes masculine. {editing['faces']:,} seeds, also where a face does not get so far. Within "
        "reach: the share of faces and values from 20 to 80 where the editor itself reads what was asked.</p>"
        f"{_table(head, rows)}"
    )


def _leaks(editing: Mapping[str, Any]) -> str:
    sliders, best = editing["sliders"], editing["strongest_rival"]
    ours, rival = (editing["methods"][name]["mean_dependency"] for name in ("ours", RIVAL))
    rows = zip(sliders, cells(editing["methods"]["ours"], sliders), strict=True)
    numbers = _table(
        ("Slider", *map(label, sliders)), [(label(name), *map(written, changes)) for name, changes in rows]
    )
    return (
        f"<p>Where every editor moves the attribute by one standard deviation, this one moves another by {ours:.2f} on "
        f"average, the usual mean difference by {rival:.2f}, and the best of the others, {html.escape(best['name'])}, "
        f"by {best['mean_dependency']:.2f}. {editing['compared']} seeds, the same generator. Rows: the slider; "
        "columns: what changed in the mean, in which opposite changes of two faces cancel.</p>"
        '<div class="figure" tabindex="0" role="img" aria-label="Heat maps of what each slider changes besides: '
        f'on average {ours:.2f} here, {rival:.2f} by the mean difference">{draw(editing, label)}</div>'
        "<details><summary>The first of these as a table</summary>"
        f'<div class="wide" tabindex="0">{numbers}</div></details>'
    )


def _pictures(figures: Mapping[str, Any]) -> str:
    rows = [
        (
            text,
            f"{figures[name]['value']:{_SHARES.get(name, '.2f')}}".replace("%", " %"),
            f"{figures[name]['samples']:,}",
        )
        for name, text in _PICTURES.items()
        if name in figures
    ]
    note = figures["fd_attributes"]["note"]
    return f"<p>Distance of attribute features: {note}.</p>{_table(('Figure', 'Value', 'Faces'), rows)}"


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of plain text; the first cell of a row is its head."""
    head = "".join(f"<th scope=col>{html.escape(title)}</th>" for title in titles)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(map(_row, rows))}</tbody></table>"


def _row(row: Sequence[str]) -> str:
    first, *others = map(html.escape, row)
    return f"<tr><th scope=row>{first}</th>{''.join(f'<td>{cell}</td>' for cell in others)}</tr>"
