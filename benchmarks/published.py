"""Publish what was measured: the tables of README.md and docs/, and what page and card show.

A table stands between a comment that names it, such as `<!-- sliders -->`, and the next line that is none of it.

    python -m benchmarks.published
"""

import json
import re
import statistics
from pathlib import Path
from typing import Any

from expressions import Editor
from expressions.figures import EMBEDDED_FIGURES, RIVAL

from . import pages, tables
from .editing import MISSED
from .evaluator import EVALUATOR, measured_on
from .reports import BENCHMARKS, OURS, REAL, EditingReport, QualityReport, read_report

# What the reports name that must be the one here, and which of them name it.
MEASURED_ON = {"weights": ("quality", "editing"), "evaluator": ("quality", "editing", "limits")}
FORMATS = {"fd_attributes": ".3f", "fd_random": ".3f", "worst_rate": ".2f"}  # of a figure in a note; .3f otherwise


def checked_reports() -> dict[str, Any]:
    """All reports by name.

    Raises:
        ValueError: one is of other weights than the embedded ones, or by another evaluator than the one here.
    """
    reports = {name: read_report(name) for name in ("quality", "editing", "limits", "broken", "serve")}
    for what, mark in measured_on(Editor.from_pretrained(), EVALUATOR).items():
        for name in MEASURED_ON[what]:
            if reports[name][what] != mark:
                raise ValueError(f"{name}.json was measured with other {what} than the one here, {mark}")
    return reports


# Tables -------------------------------------------------------------------------------------------


def texts(reports: dict[str, Any]) -> dict[Path, str]:
    """The text of README.md and of each page of docs/ that shows figures, its tables written anew.

    Raises:
        ValueError: a table is not in its file, or more than once.
    """
    quality: QualityReport = reports["quality"]
    editing: EditingReport = reports["editing"]
    root = BENCHMARKS.parent
    shown = {
        root / "README.md": {"headlines": pages.headlines(quality, editing, reports["broken"])},
        root / "docs" / "figures.md": {
            "measured": pages.measured(reports, Editor.from_pretrained().generator),
            **tables.editing(editing),
            "faces": tables.faces(quality),
            "outside": tables.outside(quality["outside"], quality["outside_fakes"]),
            "limits": tables.limits(reports["limits"]),
            "lens": pages.lens(),
            "serving": tables.serving(reports["serve"]),
        },
        root / "docs" / "training.md": {"stages": pages.stages()},
    }
    return {path: with_tables(path.read_text(), path, named) for path, named in shown.items()}


def with_tables(text: str, path: Path, named: dict[str, str]) -> str:
    """The text of a file with these tables in the place of its own."""
    for name, table in named.items():
        text, count = re.subn(rf"(?<=<!-- {name} -->\n)(\|.*\n)*", table, text)
        if count != 1:
            raise ValueError(f"{path}: the comment <!-- {name} --> must be there once, and is {count} times")
    return text


# Page and model card ------------------------------------------------------------------------------


def card_figures(quality: QualityReport, editing: EditingReport) -> dict[str, Any]:
    """Each figure of the model card: value, samples, and a note on how it was measured."""
    note = f"faces of the training split, none of the people in the {quality['held_out']} held-out faces"
    figures: dict[str, Any] = {
        "training_faces": {"value": quality["training"], "title": "training faces", "note": note}
    }
    for name, (title, _) in tables.FIGURES.items():
        values, real = ([one[name] for one in quality["rows"][row]] for row in ("weights", REAL))
        text = FORMATS.get(name, ".3f")
        floor = "1 by definition" if name == "novelty" else format(statistics.median(real), text)
        told = ", ".join(format(value, text) for value in values)
        note = f"median of {told}; real faces: {floor}; against {quality['held_out']} held-out faces"
        figures[name] = {"value": statistics.median(values), "title": title, "samples": quality["fakes"], "note": note}
    seen, floors = (quality["outside"][row] for row in ("weights", REAL))
    for outside, (title, _) in tables.OUTSIDE.items():
        note = f"real faces: {floors[outside]:.3f}; against {quality['held_out']} held-out faces"
        figures[outside] = {"value": seen[outside], "title": title, "samples": quality["outside_fakes"], "note": note}

    overall, best = tables.end_to_end(editing), strongest_rival(editing)
    ours, rival = (editing["methods"][name]["mean_dependency"] for name in (OURS, RIVAL))
    besides = "change of an attribute that need not go along, when a slider goes from 5 to 95"
    notes = {
        "end_to_end": (
            overall["others"],
            f"standard deviations: {besides} and moves its own by {overall['own']:.2f}; mean over attributes and "
            f"sliders. By one standard deviation of the own, where all editors reach it: {ours:.2f}; mean difference "
            f"{rival:.2f}, the best other editor ({best['name']}) {best['mean_dependency']:.2f}",
        ),
        "end_to_end_largest": (overall["largest"], f"the largest {besides}: {overall['largest_in']}"),
        "male_flips": (overall["male_flips"], "share of faces that change sides; mean over the other sliders"),
        "calibration_error": (
            overall["mean_absolute_error"],
            "points of 100 between the value asked and the one that a second network measures, reached or not",
        ),
        "within_reach": (
            overall["within_reach"],
            f"share of faces and values from 20 to 80 that the editor reads within {MISSED:g} points",
        ),
    }
    samples = editing["faces"]
    return figures | {name: {"value": value, "samples": samples, "note": note} for name, (value, note) in notes.items()}


def strongest_rival(editing: EditingReport) -> dict[str, Any]:
    """Who leaks least of the other editors on our generator."""
    leaks = {name: method["mean_dependency"] for name, method in editing["methods"].items() if name != OURS}
    name = min(leaks, key=lambda rival: leaks[rival])
    return {"name": name, "mean_dependency": leaks[name]}


def embedded_figures(quality: QualityReport, editing: EditingReport) -> dict[str, Any]:
    """What page and model card show of the weights."""
    shown: dict[str, Any] = {name: editing[name] for name in ("faces", "compared", "sliders")}
    shown["methods"] = {name: editing["methods"][name] for name in (OURS, RIVAL)}
    shown |= {"strongest_rival": strongest_rival(editing), "overall": tables.end_to_end(editing)}
    return {"weights": editing["weights"], "quality": card_figures(quality, editing), "editing": shown}


def main() -> None:
    reports = checked_reports()
    EMBEDDED_FIGURES.write_text(json.dumps(embedded_figures(reports["quality"], reports["editing"])) + "\n")
    for path, text in texts(reports).items():
        path.write_text(text)


if __name__ == "__main__":
    main()
