"""Gather what the page and the model card say of the embedded weights, from the JSON of quality.py and editing.py.

PYTHONPATH=. python benchmarks/figures.py
"""

import argparse
import json
import statistics
from pathlib import Path
from typing import Any

from editing import ALL_FACES, MISSED, ON_OURS
from rivals import CONTROL

from expressions import Editor
from expressions.demo.heat_map import RIVAL
from expressions.editor import EMBEDDED_FIGURES

SHOWN = ("ours", RIVAL)  # of the editors that editing.py compares


def editing_figures(editing: dict[str, Any]) -> dict[str, Any]:
    """The sliders' figures as the model card takes them."""
    rows = editing["calibration"].values()
    ours = editing["methods"][ALL_FACES]
    low, high = ours["interval"]
    values = {
        "mean_leak": ours["mean_dependency"],
        "calibration_error": statistics.mean(row["mean_absolute_error"] for row in rows),
        "within_reach": statistics.mean(row["within_reach"] for row in rows),
    }
    rival, strongest = editing["methods"][RIVAL]["mean_dependency"], strongest_rival(editing)
    notes = {
        "mean_leak": "change of another attribute that need not go along, when a slider moves its own by 1 "
        f"(95 %: {low:.2f} to {high:.2f}); on {editing['compared']} of these seeds mean difference, on a generator "
        f"without edits: {rival:.2f}, "
        f"the best other editor on this one ({strongest['name']}): {strongest['mean_dependency']:.2f}",
        "calibration_error": "points of 100 between the value asked and the one that a second network measures, where "
        f"the editor reads it within {MISSED:g} points",
        "within_reach": "share of faces and values from 20 to 80 where it does",
    }
    return {name: {"value": values[name], "samples": editing["faces"], "note": note} for name, note in notes.items()}


def gather(quality: dict[str, Any], editing: dict[str, Any], weights: str) -> dict[str, Any]:
    """Join both, if they were measured on these weights.

    Raises:
        ValueError: one of them was measured on others.
    """
    for name, figures in (("quality", quality), ("editing", editing)):
        if figures["weights"] != weights:
            raise ValueError(
                f"{name}.json was measured on weights {figures['weights']}; the embedded ones are {weights}"
            )
    missing = [name for name in SHOWN if name not in editing["methods"]]
    if missing:
        raise ValueError(f"editing.json has no {missing[0]}: measure with --plain, a generator trained without edits")
    shown: dict[str, Any] = {name: editing[name] for name in ("faces", "compared", "sliders", "calibration")}
    shown["methods"] = {name: editing["methods"][name] for name in SHOWN}
    shown["strongest_rival"] = strongest_rival(editing)
    return {"weights": weights, "quality": quality["figures"] | editing_figures(editing), "editing": shown}


def strongest_rival(editing: dict[str, Any]) -> dict[str, Any]:
    """Who leaks least of the other editors on the embedded generator."""
    leaks = {
        name.removesuffix(ON_OURS): method["mean_dependency"]
        for name, method in editing["methods"].items()
        if name.endswith(ON_OURS) and name != CONTROL + ON_OURS
    }
    name = min(leaks, key=lambda rival: leaks[rival])
    return {"name": name, "mean_dependency": leaks[name]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quality", type=Path, default=Path("benchmarks/quality.json"), help="what quality.py wrote")
    parser.add_argument("--editing", type=Path, default=Path("benchmarks/editing.json"), help="what editing.py wrote")
    arguments = parser.parse_args()
    quality, editing = (json.loads(path.read_text()) for path in (arguments.quality, arguments.editing))
    EMBEDDED_FIGURES.write_text(json.dumps(gather(quality, editing, Editor.from_pretrained().fingerprint())) + "\n")


if __name__ == "__main__":
    main()
