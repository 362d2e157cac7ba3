"""The tables of figures, as Markdown: each of the reports of one benchmark."""

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from . import reports
from .reports import ALL_FACES, ON_OURS, OURS, REAL, REFERENCE

FIGURES: dict[reports.FaceFigure, tuple[str, str]] = {
    "fd_attributes": ("Frechet distance, attribute features", "{:.2f}"),
    "fd_random": ("Frechet distance, random features", "{:.2f}"),
    "recall": ("recall, attribute features", "{:.3f}"),
    "coverage": ("coverage, attribute features", "{:.3f}"),
    "rate_error": ("mean error of 40 attribute rates", "{:.3f}"),
    "worst_rate": ("worst factor of a rate above 3 %", "{:.1f}"),
    "novelty": ("distance to the nearest training face, relative", "{:.2f}"),
}
OUTSIDE: dict[reports.OutsideFigure, tuple[str, str]] = {
    "fd_mobilenet": ("Frechet distance, MobileNetV2", "{:.0f}"),
    "probe_accuracy": ("accuracy of a probe that tells them from held-out faces", "{:.3f}"),
    "probe_auc": ("area under its curve", "{:.3f}"),
    "fd_mobilenet_webp": ("Frechet distance, MobileNetV2, all faces through WebP", "{:.0f}"),
    "probe_accuracy_webp": ("accuracy of a probe, all faces through WebP", "{:.3f}"),
    "probe_auc_webp": ("area under its curve, all faces through WebP", "{:.3f}"),
    "recall_mobilenet": ("recall, MobileNetV2", "{:.3f}"),
    "doubted": ("doubted by a face detector more than 98 % of held-out faces", "{:.1%}"),
    "alike": ("pairs of faces that a face recogniser takes for one person", "{:.2%}"),
    "copies": ("taken for the same person as the nearest training face", "{:.1%}"),
}
Row = TypeVar("Row")
TITLES = {REFERENCE: "PyTorch's DCGAN example", OURS: "Expressions"}  # of recipes; the others keep their names
GENERATORS = {"weights": "this generator", "chosen": "its chosen draws", "without edits": "without edits", REAL: REAL}


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (head, ["---"] * len(head), *rows))


def percent(share: float, digits: int = 0) -> str:
    return f"{share * 100:.{digits}f} %"


def with_interval(row: reports.EditorLeaks | reports.LimitsRow, digits: int = 2) -> str:
    mean, low, high = (f"{value:.{digits}f}" for value in (row["mean_dependency"], *row["interval"]))
    return f"{mean} ({low} to {high})"


def median(sets: Sequence[reports.FaceFigures], figure: reports.FaceFigure) -> float:
    return statistics.median(one[figure] for one in sets)


# Edits --------------------------------------------------------------------------------------------


def editors(report: reports.EditingReport) -> str:
    """What every editor changes besides, on the generator without edits and on ours."""
    methods = report["methods"]
    unsuffixed = [name.removesuffix(ON_OURS) for name in methods if name.endswith(ON_OURS)]

    def row(title: str, name: str) -> list[str]:
        method = methods[name]
        smiling, shared = method["sliders"]["Smiling"], method.get("where_all_reach")
        changes = [f"{change:.2f}" for change in smiling["identifying"].values()] if smiling["reached"] else ["-"]
        plain = with_interval(methods[title]) if title in methods else ""
        leak = f"{shared['mean_dependency']:.2f}" if shared else ""
        return [title, plain, with_interval(method), leak, ", ".join(changes)]

    rows = [[f"**{cell}**" if cell else "" for cell in row("Expressions", "ours")]]
    rows += [row(f"Expressions, {report['faces']:,} seeds", ALL_FACES)]
    rows += [row(name, name + ON_OURS) for name in unsuffixed]
    for name, seen in report["do_nothing"].items():
        title = f"nothing: the face {name}; `Male` flips for {percent(seen['male_flips'])}"
        rows += [[title, "", f"{seen['change']:.2f}", "", ""]]
    distance = report["fd_evaluator"]
    title = f"Frechet distance in raw features, edited and not, {distance['faces']:,} faces"
    rows += [[title, "", f"{distance['edited']:.1f}, {distance['unedited']:.1f}", "", ""]]
    rows += [["cosine of the changes that both networks see", "", f"{report['agreement']:.2f}", "", ""]]
    identifying = ", ".join(f"`{name}`" for name in methods["ours"]["sliders"]["Smiling"]["identifying"])
    head = [
        f"other attributes, at 1 sd of the own, {report['compared']:,} seeds",
        "earlier generator without edits",
        "this generator",
        f"its {methods['ours']['where_all_reach']['edits']:,} edits that all reach",
        f"Smiling: {identifying}",
    ]
    return table(head, rows)


def sliders(report: reports.EditingReport) -> str:
    """Whether each slider shows its value, and leaves who the face shows."""

    def flips(share: float, interval: Sequence[float]) -> str:
        low, high = interval
        return f"{share * 100:.1f} % ({low * 100:.1f} to {high * 100:.1f})"

    rows = []
    for name, row in report["calibration"].items():
        shown = [f"{row['slope']:.2f}", f"{row['mean_absolute_error']:.1f}", percent(row["within_reach"])]
        all_flips = flips(row["male_flips"], row["male_flips_interval"])
        sure_flips = flips(row["sure_male_flips"], row["sure_male_flips_interval"])
        tone = "" if name == "Skin_Tone" else f"{row['median_ita_change']:.1f}"
        rows.append([f"`{name}`", *shown, *(["", ""] if name == "Male" else [all_flips, sure_flips]), tone])
    head = [
        f"slider, {report['faces']:,} seeds",
        "slope",
        "mean error, points",
        "within reach",
        "`Male` flips",
        f"flips of the {percent(report['calibration']['Smiling']['sure'])} that the judge is sure of",
        "change of skin, degrees",
    ]
    return table(head, rows)


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
        "Frechet distance, raw features",
        "faces drawn",
    ]
    return table(head, rows)


# Faces --------------------------------------------------------------------------------------------


def faces(report: reports.QualityReport) -> str:
    """The image quality of an editor's weights."""
    columns = in_order(report["rows"])
    rows = []
    for figure, (label, text) in FIGURES.items():
        medians = {title: text.format(median(sets, figure)) for title, sets in columns.items()}
        if figure == "novelty":
            medians[REAL] = ""  # it is relative to theirs
        rows.append([label, *medians.values()])
    sets = max(len(row) for row in columns.values())
    return table([f"{report['fakes']:,} faces" + f", medians of {sets} sets" * (sets > 1), *columns], rows)


def outside(judged: Mapping[str, reports.OutsideFigures], count: int) -> str:
    """The same faces as networks from outside see them; without the figures that nobody measured."""
    columns = in_order(judged)
    rows = [
        [label, *(text.format(seen[figure]).replace("%", " %") for seen in columns.values())]
        for figure, (label, text) in OUTSIDE.items()
        if not any(math.isnan(seen[figure]) for seen in columns.values())
    ]
    return table([f"{count:,} faces", *columns], rows)


def in_order(rows: Mapping[str, Row]) -> dict[str, Row]:
    """Rows by the titles of those who draw: the weights first, real faces last."""
    names = sorted(rows, key=lambda name: (name == REAL, name != "weights"))
    return {GENERATORS.get(name, name): rows[name] for name in names}


def recipes(report: reports.RecipesReport) -> str:
    """Trainings of equal length by several recipes: medians over seeds."""
    shown: tuple[reports.OutsideFigure, ...] = ("fd_mobilenet", "probe_accuracy", "recall_mobilenet", "doubted")

    def middle(values: Iterable[float], text: str) -> str:
        return text.format(statistics.median(values)).replace("%", " %")

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
    paint, load, start, rush = report["paint"], report["load"], report["start"], report["rush"]
    errors = sum(load["errors"].values())

    def ms(times: reports.Times) -> str:
        return f"{times['median_ms']:.0f} ms"

    def tail(times: reports.Times) -> str:
        return f"{ms(times)} (95 %: {times['p95_ms']:.0f})"

    def seconds(times: reports.Times) -> str:
        return f"{times['median_ms'] / 1000:.1f} s"

    events = {name: f"{rate:.0f} events/s" for name, rate in load["events_per_second"].items()}
    rows = [
        [
            "slider's input to the new draft painted, in Chromium",
            tail(paint["times"]["ours"]),
            *(f"{tail(paint['times'][name])}, ratio {ratio:.2f}" for name, ratio in paint["ratios"].items()),
        ],
        [
            f"{load['visitors']} visitors dragging at once",
            f"{events['ours']}, {errors} errors",
            *(f"{events[name]} ({ratio:.2f})" for name, ratio in load["ratios"].items()),
        ],
        ["a draft of a drag, computed on one core", ms(report["draft"]), "", ""],
        ["an edit at rest, measured and corrected, on one core", ms(report["edit"]), "", ""],
        ["nine of them, for a filmstrip", ms(report["strip"]), "", ""],
        ["from `python app.py` to the first face painted", seconds(start["times"]["ours"]), "", ""],
        ["of this, the import of torch and gradio", seconds(start["times"]["imports"]), "", ""],
        [
            f"{rush['visitors']} visitors who come at one moment",
            f"{rush['served']} served, {rush['turned_away']} told that the queue is full",
            "",
            "",
        ],
    ]
    others = ["handler that does nothing, in Gradio's queue", "the same, around the queue"]
    return table([f"page, {report['device']}", "this page", *others], rows)
