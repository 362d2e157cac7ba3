"""Tables that no benchmark prints: the figures of the front page, and what docs/ tells of weights and stages."""

import json
from typing import Any

from torch import nn

from expressions.training.pipeline import STAGES

from . import tables
from .reports import BENCHMARKS, REAL, BrokenReport, EditingReport, QualityReport
from .tables import percent, table

LENS = BENCHMARKS.parent / "weights" / "lens" / "recipe.json"


def headlines(quality: QualityReport, editing: EditingReport, broken: BrokenReport) -> str:
    """Whether faces look real, whether a slider changes nothing else, and whether it shows what it says: three figures,
    each with its floor and what a visitor sees of it."""
    drawn = "chosen" if "chosen" in quality["outside"] else "weights"  # the page shows chosen draws, where it can
    ours, real = (quality["outside"][row]["probe_accuracy"] for row in (drawn, REAL))
    by_eye = "Most faces hold at this size. Those turned aside, hats and hands often do not."
    if broken["weights"] == editing["weights"]:
        count = broken["faces"]
        by_eye = (
            f"Judged by eye, {broken['chosen']} of {count} faces are broken as the page draws them, and "
            f"{broken['first']} of {count} first draws."
        )
    overall, still = tables.end_to_end(editing), editing["do_nothing"]["mirrored"]
    own, others, largest = (f"{overall[figure]:.2f}" for figure in ("own", "others", "largest"))
    changed, slider = overall["largest_in"].split(" by ")
    smile = editing["pictures"]["Smiling"]["same_person"]
    least, hardest = min((row["within_reach"], name) for name, row in editing["sliders"].items())
    rows = [
        [
            "How often a network tells our faces from photographs, where half is guessing",
            percent(ours),
            f"{percent(real)}: photographs from others",
            by_eye,
        ],
        [
            f"Mean change of the other attributes while a slider goes from 5 to 95, and its own changes by {own}, in "
            "standard deviations",
            others,
            f"{still['change']:.2f}: the same face, mirrored",
            f"`Male` flips in {percent(overall['male_flips'], 1)} of the faces, and in "
            f"{percent(still['male_flips'], 1)} of mirrored ones. Worst: `{slider}` changes `{changed}` by {largest}. "
            f"A recogniser takes both ends of the smile for one person in {percent(smile)} of the faces.",
        ],
        [
            "Difference between the value asked for and the one that another network reads",
            f"{overall['mean_absolute_error']:.1f} of 100 points",
            "0",
            f"By the editor's own reading, a face can show {percent(overall['within_reach'])} of the values from 20 to "
            f"80, and {percent(least)} of those of `{hardest}`. It comes near the others, or stays.",
        ],
    ]
    return table(["figure", "here", "floor", "what you see"], rows)


def measured(reports: dict[str, Any], generator: nn.Module) -> str:
    """Of which weights the reports are, and how large the embedded generator is."""
    faces: QualityReport = reports["quality"]
    size = sum(parameter.numel() for parameter in generator.parameters())
    drawn = f"{faces['fakes']:,} faces, and {faces['outside_fakes']:,} by networks from outside"
    rows = [
        ["faces", faces["weights"], f"{drawn}, against {faces['held_out']:,} held-out ones"],
        ["faces, by eye", reports["broken"]["weights"], f"{reports['broken']['faces']} faces of each kind, shuffled"],
        ["sliders", reports["editing"]["weights"], f"{reports['editing']['faces']:,} seeds"],
        [
            "limits of the sliders",
            reports["limits"]["weights"],
            f"{reports['limits']['rows']['as it is']['faces']} seeds",
        ],
    ]
    trained = f"{size / 1e6:.1f} million parameters, trained on {faces['training']:,} faces"
    rows.append(["the generator of the page", faces["weights"], trained])
    return table(["of", "weights", "on"], rows)


def lens() -> str:
    """What the kept lens makes of photographs that it had not seen."""
    figures = json.loads(LENS.read_text())["figures"]
    rows = [
        [title, f"{figures[f'psnr_{name}']:.1f}", f"{figures[f'features_{name}']:.3f}"]
        for title, name in (("the lens", "lens"), ("bicubic", "bicubic"))
    ]
    return table([f"{figures['faces']:,} faces", "PSNR, dB", "distance in the maps of a network"], rows)


def stages() -> str:
    """The way from data to an editor."""
    return table(
        ["stage", "command", "about"],
        [[stage.name, f"`{stage.command.split(' --')[0]}`", stage.lasts] for stage in STAGES],
    )
