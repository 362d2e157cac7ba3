"""Publish what was measured: the tables of README.md and of the one beside this file, and what page and card show.

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

from . import tables
from .editing import MISSED
from .evaluator import EVALUATOR, measured_on
from .reports import ALL_FACES, BENCHMARKS, ON_OURS, REAL, EditingReport, QualityReport, read_report
from .rivals import CONTROL

OF_THE_WEIGHTS = ("quality", "editing")
BY_THE_EVALUATOR = (*OF_THE_WEIGHTS, "limits")
FORMATS = {"fd_attributes": ".3f", "fd_random": ".3f", "worst_rate": ".2f"}  # of a figure in a note; .3f otherwise


def checked_reports() -> dict[str, Any]:
    """All reports by name.

    Raises:
        ValueError: one is of other weights than the embedded ones, or by another evaluator than the one here.
    """
    names = (*BY_THE_EVALUATOR, "serve")
    reports = {name: read_report(name) for name in names}
    expected = measured_on(Editor.from_pretrained(), EVALUATOR)
    for name in BY_THE_EVALUATOR:
        for what, mark in expected.items():
            if (what == "evaluator" or name in OF_THE_WEIGHTS) and reports[name][what] != mark:
                raise ValueError(f"{name}.json was measured with other {what} than the one here, {mark}")
    return reports


# Tables -------------------------------------------------------------------------------------------


def readmes(reports: dict[str, Any]) -> dict[Path, str]:
    """The text of each README, its tables written anew.

    Raises:
        ValueError: a table is not in its file, or more than once.
    """
    quality: QualityReport = reports["quality"]
    shown = {
        BENCHMARKS.parent / "README.md": {
            "editors": tables.editors(reports["editing"]),
            "sliders": tables.sliders(reports["editing"]),
            "faces": tables.faces(quality),
            "outside": tables.outside(quality["outside"], quality["outside_fakes"]),
        },
        BENCHMARKS / "README.md": {
            "limits": tables.limits(reports["limits"]),
            "serving": tables.serving(reports["serve"]),
        },
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
    figures: dict[str, Any] = {}
    for name in tables.FIGURES:
        values, real = ([one[name] for one in quality["rows"][row]] for row in ("weights", REAL))
        text = FORMATS.get(name, ".3f")
        floor = "1 by definition" if name == "novelty" else format(statistics.median(real), text)
        told = ", ".join(format(value, text) for value in values)
        note = f"median of {told}; real faces: {floor}; against {quality['held_out']} held-out faces"
        figures[name] = {"value": statistics.median(values), "samples": quality["fakes"], "note": note}
    seen, floors = (quality["outside"][row] for row in ("weights", REAL))
    for outside in tables.OUTSIDE:
        note = f"real faces: {floors[outside]:.3f}; against {quality['held_out']} held-out faces"
        figures[outside] = {"value": seen[outside], "samples": quality["outside_fakes"], "note": note}

    ours, rows = editing["methods"][ALL_FACES], editing["calibration"].values()
    (low, high), rival, strongest = ours["interval"], editing["methods"][RIVAL], strongest_rival(editing)
    notes = {
        "mean_leak": (
            ours["mean_dependency"],
            "change of another attribute that need not go along, when a slider moves its own by 1 "
            f"(95 %: {low:.2f} to {high:.2f}); on {editing['compared']} of these seeds mean difference, on a generator "
            f"without edits: {rival['mean_dependency']:.2f}, "
            f"the best other editor on this one ({strongest['name']}): {strongest['mean_dependency']:.2f}",
        ),
        "calibration_error": (
            statistics.mean(row["mean_absolute_error"] for row in rows),
            "points of 100 between the value asked and the one that a second network measures, where the editor reads "
            f"it within {MISSED:g} points",
        ),
        "within_reach": (
            statistics.mean(row["within_reach"] for row in rows),
            "share of faces and values from 20 to 80 where it does",
        ),
    }
    samples = editing["faces"]
    return figures | {name: {"value": value, "samples": samples, "note": note} for name, (value, note) in notes.items()}


def strongest_rival(editing: EditingReport) -> dict[str, Any]:
    """Who leaks least of the other editors on our generator."""
    leaks = {
        name.removesuffix(ON_OURS): method["mean_dependency"]
        for name, method in editing["methods"].items()
        if name.endswith(ON_OURS) and name != CONTROL + ON_OURS
    }
    name = min(leaks, key=lambda rival: leaks[rival])
    return {"name": name, "mean_dependency": leaks[name]}


def embedded_figures(quality: QualityReport, editing: EditingReport) -> dict[str, Any]:
    """What page and model card show of the weights.

    Raises:
        ValueError: no generator without edits was measured beside them.
    """
    if RIVAL not in editing["methods"]:
        raise ValueError(f"editing.json has no {RIVAL}: measure with --plain, a generator trained without edits")
    shown: dict[str, Any] = {name: editing[name] for name in ("faces", "compared", "sliders", "calibration")}
    shown["methods"] = {name: editing["methods"][name] for name in ("ours", RIVAL)}
    shown["strongest_rival"] = strongest_rival(editing)
    return {"weights": editing["weights"], "quality": card_figures(quality, editing), "editing": shown}


def main() -> None:
    reports = checked_reports()
    EMBEDDED_FIGURES.write_text(json.dumps(embedded_figures(reports["quality"], reports["editing"])) + "\n")
    for path, text in readmes(reports).items():
        path.write_text(text)


if __name__ == "__main__":
    main()
