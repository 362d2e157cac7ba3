"""The tables of figures, as Markdown: each of the reports of one benchmark."""

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, TypeVar

from . import reports
from .lines import DELAY, RATE
from .reports import OURS, REAL, REFERENCE

FIGURES: dict[str, tuple[str, str]] = {
    "fd_attributes": ("Frechet distance, attribute features", "{:.2f}"),
    "fd_random": ("Frechet distance, random features", "{:.2f}"),
    "recall": ("recall, attribute features", "{:.3f}"),
    "coverage": ("coverage, attribute features", "{:.3f}"),
    "rate_error": ("mean error of 40 attribute rates", "{:.3f}"),
    "worst_rate": ("worst factor of a rate above 3 %", "{:.1f}"),
    "novelty": ("distance of 3,000 to the nearest training face, relative", "{:.2f}"),
}
OUTSIDE: dict[str, tuple[str, str]] = {
    "fd_mobilenet": ("Frechet distance, MobileNetV2", "{:.0f}"),
    "probe_accuracy": ("accuracy of a probe that tells them from held-out faces", "{:.3f}"),
    "probe_auc": ("area under its curve", "{:.3f}"),
    "fd_mobilenet_webp": ("Frechet distance, MobileNetV2, all faces through WebP", "{:.0f}"),
    "probe_accuracy_webp": ("accuracy of a probe, all faces through WebP", "{:.3f}"),
    "probe_auc_webp": ("area under its curve, all faces through WebP", "{:.3f}"),
    "recall_mobilenet": ("recall, MobileNetV2", "{:.3f}"),
    "doubted": ("doubted by a face detector more than 98 % of held-out faces", "{:.1%}"),
    "alike": ("pairs of 300 faces that a face recogniser takes for one person", "{:.2%}"),
    "copies": ("of 300, taken for the same person as the training face whose pixels are nearest", "{:.1%}"),
}
Row = TypeVar("Row")
TITLES = {REFERENCE: "PyTorch's DCGAN example", OURS: "Expressions"}  # of recipes; the others keep their names
GENERATORS = {"weights": "this generator", "chosen": "its chosen draws", "without edits": "without edits", REAL: REAL}


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (head, ["---"] * len(head), *rows))


def written(value: float, text: str) -> str:
    """A figure in a format of Python, with a space before the sign of a percentage."""
    return text.format(value).replace("%", " %")


def percent(share: float, digits: int = 0) -> str:
    return written(share, f"{{:.{digits}%}}")


def with_interval(row: reports.EditorLeaks | reports.LimitsRow, digits: int = 2) -> str:
    mean, low, high = (f"{value:.{digits}f}" for value in (row["mean_dependency"], *row["interval"]))
    return f"{mean} ({low} to {high})"


# Edits --------------------------------------------------------------------------------------------


def editing(report: reports.EditingReport) -> dict[str, str]:
    """All tables of the edits, by the names of their places in docs/figures.md."""
    return {"sliders": sliders(report), "ends": ends(report), "several": several(report), "editors": editors(report)}


def sliders(report: reports.EditingReport) -> str:
    """What each slider changes besides on the way from one end to the other, and whom the face then shows."""
    rows = []
    for name, row in report["sliders"].items():
        low, high = (f"{100 * share:.1f}" for share in row["male_flips_interval"])
        seen = report["pictures"][name]
        rows.append(
            [
                f"`{name}`",
                f"{row['own']:.2f}",
                f"{row['others']:.2f}",
                f"{row['largest']:.2f}, `{row['largest_in']}`",
                "" if name == "Male" else f"{percent(row['male_flips'], 1)} ({low} to {high})",
                "" if name == "Skin_Tone" else f"{row['median_ita_change']:.1f}",
                percent(seen["same_person"]),
                percent(seen["outside_region"]) if "outside_region" in seen else "",
            ]
        )
    overall = end_to_end(report)
    largest = f"**{overall['largest']:.2f}, `{overall['largest_in']}`**"
    rows.append(["**all**", f"**{overall['own']:.2f}**", f"**{overall['others']:.2f}**", largest, "", "", "", ""])
    for name, still in report["do_nothing"].items():
        rows.append([f"none: {name}", "", f"{still['change']:.2f}", "", percent(still["male_flips"], 1), "", "", ""])
    head = [
        f"slider from 5 to 95, {report['faces']:,} seeds",
        "its own attribute, sd",
        "the others, mean",
        "the one that changes most",
        "`Male` flips",
        "skin, degrees",
        "same person",
        "change outside its region",
    ]
    return table(head, rows)


def ends(report: reports.EditingReport) -> str:
    """Whether each slider shows its value, and whether faces at its ends look real."""

    def two(sets: Sequence[reports.Realism], figure: Literal["fd_mobilenet", "doubted"]) -> str:
        return ", ".join(written(one[figure], OUTSIDE[figure][1]) for one in sets)

    unedited = [report["unedited"]]
    rows = [["unedited", "", "", two(unedited, "fd_mobilenet"), "", two(unedited, "doubted")]]
    for name, row in report["sliders"].items():
        seen = report["pictures"][name]
        shown = [f"{row['mean_absolute_error']:.1f}", percent(row["within_reach"])]
        distances = [two(seen["ends"], "fd_mobilenet"), two(seen["real"], "fd_mobilenet")]
        rows.append([f"`{name}`", *shown, *distances, two(seen["ends"], "doubted")])
    head = [
        f"slider, {report['faces']:,} seeds",
        "asked and read differ by, points",
        "within reach",
        "Frechet distance at 5, at 95",
        "of real faces without it, with it",
        "doubted at 5, at 95",
    ]
    return table(head, rows)


def several(report: reports.EditingReport) -> str:
    """Whether values that a face can show one by one are shown together."""
    rows = [
        [
            count,
            f"{percent(row['all_land'])} of {row['sets']:,}",
            f"{percent(row['beside_land'])} of {row['beside']:,}",
        ]
        for count, row in report["several"].items()
    ]
    return table(["sliders at once", "all land, where each does alone", "land beside one that is out of reach"], rows)


def editors(report: reports.EditingReport) -> str:
    """What other editors change besides, on our generator."""
    rows = []
    for name, leaks in report["methods"].items():
        cells = [f"{leaks['max_dependency']:.2f}, `{leaks['largest'][1]}` by `{leaks['largest'][0]}`"]
        cells = [TITLES.get(name, name), with_interval(leaks), *cells]
        rows.append([f"**{cell}**" for cell in cells] if name == OURS else cells)
    edits = report["methods"][OURS]["edits"]
    head = [f"at 1 sd of the own attribute, {edits:,} edits that all reach", "the others, mean", "largest"]
    return table(head, rows)


def end_to_end(report: reports.EditingReport) -> dict[str, Any]:
    """Means over the sliders of what they change and of what they show, and the largest change of all."""
    sliders: Mapping[str, Any] = report["sliders"]
    farthest = max(sliders, key=lambda name: sliders[name]["largest"])

    def mean(figure: str, left_out: str = "") -> float:
        return statistics.mean(row[figure] for name, row in sliders.items() if name != left_out)

    return {
        **{figure: mean(figure) for figure in ("own", "others", "mean_absolute_error", "within_reach")},
        "male_flips": mean("male_flips", "Male"),
        "largest": sliders[farthest]["largest"],
        "largest_in": f"{sliders[farthest]['largest_in']} by {farthest}",
    }


def limits(report: reports.LimitsReport) -> str:
    """The editor's edit beside simpler and costlier ones."""
    seeds, rows = report["rows"]["as it is"]["faces"], []
    for name, row in report["rows"].items():
        title = name if row["faces"] == seeds else f"{name}, {row['faces']} seeds"
        distance = f"{row['fd_edited']:.1f}" if "fd_edited" in row else ""
        leaks = [with_interval(row, 3), f"{row['own_view']:.3f}"]
        shown = [percent(row["within_reach"]), percent(row["male_flips"], 1), distance, f"{row['draws']:.1f}"]
        rows.append([title, *leaks, *shown])
    head = [
        f"an edit, {seeds} seeds",
        "other attributes",
        "by its own classifier",
        "within reach",
        "`Male` flips",
        "Frechet distance, the judge's features",
        "faces drawn",
    ]
    return table(head, rows)


# Faces --------------------------------------------------------------------------------------------


def faces(report: reports.QualityReport) -> str:
    """The image quality of an editor's weights."""
    columns = in_order(report["rows"])
    rows = []
    for figure, (label, text) in FIGURES.items():
        medians = {
            title: text.format(statistics.median(one[figure] for one in sets)) for title, sets in columns.items()
        }
        if figure == "novelty":
            medians[REAL] = ""  # it is relative to theirs
        rows.append([label, *medians.values()])
    sets = max(len(row) for row in columns.values())
    return table([f"{report['fakes']:,} faces" + f", medians of {sets} sets" * (sets > 1), *columns], rows)


def outside(judged: Mapping[str, reports.OutsideFigures], count: int) -> str:
    """The same faces as networks from outside see them; without the figures that nobody measured."""
    columns = in_order(judged)
    rows = [
        [label, *(written(seen[figure], text) for seen in columns.values())]
        for figure, (label, text) in OUTSIDE.items()
        if not any(math.isnan(seen[figure]) for seen in columns.values())
    ]
    return table([f"{count:,} faces", *columns], rows)


def inception(distances: Mapping[str, float], count: int, training: int) -> str:
    """Frechet Inception distances to the training faces."""
    columns = in_order(distances)
    return table(
        [f"{count:,} faces, {training:,} to train on", *columns],
        [["Frechet Inception distance", *(f"{distance:.1f}" for distance in columns.values())]],
    )


def in_order(rows: Mapping[str, Row]) -> dict[str, Row]:
    """Rows by the titles of those who draw: the weights first, real faces last."""
    names = sorted(rows, key=lambda name: (name == REAL, name != "weights"))
    return {GENERATORS.get(name, name): rows[name] for name in names}


def recipes(report: reports.RecipesReport) -> str:
    """Trainings of equal length by several recipes: medians over seeds."""
    shown = ("fd_mobilenet", "probe_accuracy", "recall_mobilenet", "doubted")

    def middle(values: Iterable[float], text: str) -> str:
        return written(statistics.median(values), text)

    rows = [
        [
            TITLES.get(name, name),
            middle((one["images"] for one in sets), "{:,.0f}"),
            *(middle((one["outside"][figure] for one in sets), OUTSIDE[figure][1]) for figure in shown),
            middle((one["fd_attributes"] for one in sets), FIGURES["fd_attributes"][1]),
        ]
        for name, sets in report["rows"].items()
    ]
    labels = [*(OUTSIDE[figure][0] for figure in shown), FIGURES["fd_attributes"][0]]
    return table([f"after {report['minutes']:g} minutes", "images", *labels], rows)


# Speed --------------------------------------------------------------------------------------------


def speed(report: reports.SpeedReport) -> str:
    """Images a second while training."""
    rows = []
    for row in report["rows"]:
        speeds = [f"{row['speed']:,.0f}", f"{row['reference']:,.0f}", f"{row['ratio']:.2f}"]
        rows.append([report["device"], str(row["batch_size"]), *speeds, percent(row["share"])])
    head = ["device", "batch", f"{TITLES[OURS]}, images/s", TITLES[REFERENCE], "ratio", "of the bf16 matrix rate"]
    return table(head, rows)


def serving(report: reports.ServeReport) -> str:
    """What a visitor waits for."""
    paint, opening, rush = report["paint"], report["opening"], report["rush"]
    moved, empty, far = (paint["times"][name] for name in ("ours", "direct", "slow line"))
    start = report["start"]["times"]

    def milliseconds(times: reports.Times) -> str:
        return f"{times['median_ms']:.0f} ms (95 %: {times['p95_ms']:.0f})"

    def seconds(times: reports.Times) -> str:
        return f"{times['median_ms'] / 1000:.1f} s"

    delay, rate = f"{1000 * DELAY:g} ms", f"{8 * RATE / 1e6:g} Mbit/s"
    told = f"{rush['served']} served, {rush['turned_away']} told that the server is busy"
    rows = [
        ["slider's input to the new picture painted", milliseconds(moved)],
        ["the same by a handler that does nothing, around Gradio's queue", milliseconds(empty)],
        ["ratio", f"{paint['ratios']['direct']:.2f}"],
        [f"the same on a line of {delay} each way", milliseconds(far)],
        ["requests to the server meanwhile", f"{report['requests']}"],
        ["an edit at rest, measured and corrected", milliseconds(report["edit"])],
        ["a first visit loads", f"{opening['first_bytes'] / 1e6:.1f} MB"],
        ["a second one", f"{opening['second_bytes'] / 1e6:.1f} MB"],
        ["from the opening of the page until the browser draws", f"{opening['ready_s']:.1f} s"],
        [f"to the first face painted, on a line of {rate} and {delay} each way", f"{opening['slow_line_s']:.1f} s"],
        ["from `python app.py` to the first face painted", seconds(start["ours"])],
        ["of this, the import of torch and gradio", seconds(start["imports"])],
        [f"{rush['visitors']} visitors who open a link at one moment", told],
    ]
    return table([f"in Chromium, {report['device']}", ""], rows)
