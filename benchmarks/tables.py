"""The tables of figures, as Markdown: each of the reports of one benchmark."""

import statistics
from collections.abc import Iterable, Mapping, Sequence

from . import reports
from .reports import ALL_FACES, ON_OURS, OURS, REAL, REFERENCE

FIGURES: dict[reports.FaceFigure, tuple[str, str]] = {
    "fd_attributes": ("Frechet distance, attribute features", "{:.2f}"),
    "fd_random": ("Frechet distance, random features", "{:.2f}"),
    "precision": ("precision", "{:.3f}"),
    "recall": ("recall", "{:.3f}"),
    "coverage": ("coverage", "{:.3f}"),
    "rate_error": ("mean error of 40 attribute rates", "{:.3f}"),
    "worst_rate": ("worst factor of a rate above 3 %", "{:.1f}"),
    "novelty": ("distance to the nearest training face, relative", "{:.2f}"),
}
DISTANCES: tuple[reports.FaceFigure, ...] = ("fd_attributes", "fd_random")
TITLES = {REFERENCE: "PyTorch's DCGAN example", OURS: "Expressions"}  # of recipes; the others keep their names
TIMES = {2.0: "twice"}
GENERATORS = {"weights": "this generator", "without edits": "without edits", REAL: REAL}


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
    columns = {title: report["rows"][name] for name, title in GENERATORS.items() if name in report["rows"]}
    rows = []
    for figure, (label, text) in FIGURES.items():
        medians = {title: text.format(median(sets, figure)) for title, sets in columns.items()}
        if figure == "novelty":
            medians[REAL] = ""  # it is relative to theirs
        rows.append([label, *medians.values()])
    return table([f"{report['fakes']:,} faces, medians", *columns], rows)


def recipes(report: reports.RecipesReport, real: Sequence[reports.FaceFigures] = ()) -> str:
    """Trainings on as many images each, then those of them that went on to more; above them real faces."""
    # Of no meaning for generators that leave attributes out and are far from all faces: worst_rate and novelty.
    figures = {name: shown for name, shown in FIGURES.items() if name not in ("worst_rate", "novelty")}
    first = min(point["kimg"] for points in report["rows"].values() for point in points)
    points = [(point["kimg"], name, point["sets"]) for name, points in report["rows"].items() for point in points]
    rows = [(REAL, real)] if real else []
    for kimg, name, sets in sorted(points, key=lambda point: point[0]):
        more = "" if kimg == first else f", after {TIMES.get(kimg / first, f'{kimg / first:g} times')} as many"
        rows.append((TITLES.get(name, name) + more, sets))
    cells = [[name, *(text.format(median(sets, key)) for key, (_, text) in figures.items())] for name, sets in rows]
    return table([f"after {first * 1000:,.0f} images", *(label for label, _ in figures.values())], cells)


def course(report: reports.RecipesReport) -> str:
    """Frechet distances of long trainings on their way."""

    def cell(figures: Mapping[reports.FaceFigure, float]) -> str:
        return " / ".join(f"{figures[name]:.2f}" for name in DISTANCES)

    def last_to_best(points: Sequence[reports.Point]) -> dict[reports.FaceFigure, float]:
        passed = {name: [median(point["sets"], name) for point in points] for name in DISTANCES}
        return {name: values[-1] / min(values) for name, values in passed.items()}

    courses = [
        {point["kimg"]: cell({name: median(point["sets"], name) for name in DISTANCES}) for point in points}
        for points in report["rows"].values()
    ]
    rows = [[f"{kimg * 1000:,.0f}", *(one.get(kimg, "") for one in courses)] for kimg in sorted(set().union(*courses))]
    rows.append(["the last through the best", *(cell(last_to_best(points)) for points in report["rows"].values())])
    head = "images: Frechet distance, attribute / random features"
    return table([head, *(TITLES.get(name, name) for name in report["rows"])], rows)


# Speed --------------------------------------------------------------------------------------------


def speed(*measured: reports.SpeedReport) -> str:
    """Images a second while training."""
    rows = []
    for report in measured:
        for row in report["rows"]:
            setting = [report["device"], TITLES.get(row["recipe"], row["recipe"]), str(row["batch_size"])]
            speeds = [f"{row['speed']:,.0f}", f"{row['reference']:,.0f}", f"{row['ratio']:.2f}"]
            rows.append([*setting, *speeds, percent(row["share"])])
    head = ["device", "recipe", "batch", "images/s", TITLES[REFERENCE], "ratio", "of the bf16 matrix rate"]
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
