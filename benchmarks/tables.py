"""Write the tables of figures in README.md, and in the one beside this file, from the JSON of the other benchmarks.

A table stands between a comment that names it, such as `<!-- sliders -->`, and the next blank line.

    PYTHONPATH=. python benchmarks/tables.py
"""

import json
import re
import statistics
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from editing import ALL_FACES, ON_OURS
from judges import EVALUATOR, judged_by, measured_on
from quality import DISTANCES
from recipes import OURS, REFERENCE

from expressions import Editor

ROOT = Path(__file__).parents[1]

FIGURES = {
    "fd_attributes": ("Frechet distance, attribute features", "{:.2f}"),
    "fd_random": ("Frechet distance, random features", "{:.2f}"),
    "precision": ("precision", "{:.3f}"),
    "recall": ("recall", "{:.3f}"),
    "coverage": ("coverage", "{:.3f}"),
    "rate_error": ("mean error of 40 attribute rates", "{:.3f}"),
    "worst_rate": ("worst factor of a rate above 3 %", "{:.1f}"),
    "novelty": ("distance to the nearest training face, relative", "{:.2f}"),
}
TITLES = {REFERENCE: "PyTorch's DCGAN example", OURS: "Expressions"}  # of recipes; the others keep their names
REAL = "real faces"
GENERATORS = {"weights": "this generator", "without edits": "without edits", REAL: REAL}


def editors() -> str:
    """What every editor changes besides, on the generator without edits and on this one."""
    measured = _read("editing")
    methods, nothing = measured["methods"], measured["do_nothing"]

    def row(title: str, name: str, plain: str | None) -> list[str]:
        rows = [methods.get(key) if key else None for key in (plain, name)]
        smiling = methods[name]["sliders"]["Smiling"]
        changes = [f"{change:.2f}" for change in smiling["identifying"].values()] if smiling["reached"] else ["-"]
        shared = methods[name].get("where_all_reach")
        leak = f"{shared['mean_dependency']:.2f}" if shared else ""
        return [title, *map(_interval, rows), leak, ", ".join(changes)]

    ours = row("Expressions", "ours", None)
    rows = [[f"**{cell}**" if cell else "" for cell in ours]]
    rows += [row(f"Expressions, {measured['faces']:,} seeds", ALL_FACES, None)]
    rivals = dict.fromkeys(name.removesuffix(ON_OURS) for name in methods if not name.startswith("ours"))
    rows += [row(name, name + ON_OURS, name) for name in rivals]
    for name, seen in nothing.items():
        title = f"nothing: the face {name}; `Male` flips for {_percent(seen['male_flips'])}"
        rows += [[title, "", f"{seen['change']:.2f}", "", ""]]
    distances = [f"{measured['fd_evaluator'][name]:.1f}" for name in ("edited", "unedited")]
    title = f"Frechet distance in raw features, edited and not, {measured['fd_evaluator']['faces']:,} faces"
    rows += [[title, "", ", ".join(distances), "", ""]]
    rows += [["cosine of the changes that both networks see", "", f"{measured['agreement']:.2f}", "", ""]]
    identifying = ", ".join(f"`{name}`" for name in methods["ours"]["sliders"]["Smiling"]["identifying"])
    head = [
        f"other attributes, at 1 sd of the own, {measured['compared']:,} seeds",
        "earlier generator without edits",
        "this generator",
        f"its {methods['ours']['where_all_reach']['edits']:,} edits that all reach",
        f"Smiling: {identifying}",
    ]
    return _table(head, rows)


def sliders() -> str:
    """Whether each slider shows its value."""
    rows = []
    measured = _read("editing")
    for name, row in measured["calibration"].items():
        shown = [f"{row['slope']:.2f}", f"{row['mean_absolute_error']:.1f}", _percent(row["within_reach"])]
        flips = ["", ""] if name == "Male" else [_flips(row, "male_flips"), _flips(row, "sure_male_flips")]
        tone = "" if name == "Skin_Tone" else f"{row['median_ita_change']:.1f}"
        rows.append([f"`{name}`", *shown, *flips, tone])
    sure = _percent(measured["calibration"]["Smiling"]["sure"])
    head = [
        f"slider, {measured['faces']:,} seeds",
        "slope",
        "mean error, points",
        "within reach",
        "`Male` flips",
        f"flips of the {sure} that the judge is sure of",
        "change of skin, degrees",
    ]
    return _table(head, rows)


def limits() -> str:
    """The editor's edit beside simpler and costlier ones."""
    measured = _read("limits")["rows"]
    seeds, rows = measured["as it is"]["faces"], []
    for name, row in measured.items():
        title = name if row["faces"] == seeds else f"{name}, {row['faces']} seeds"
        distance = f"{row['fd_edited']:.1f}" if "fd_edited" in row else ""
        leaks = [_interval(row, 3), f"{row['own_view']:.3f}"]
        shown = [_percent(row["within_reach"]), _percent(row["male_flips"], 1), distance, f"{row['draws']:.1f}"]
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
    return _table(head, rows)


def faces() -> str:
    """The image quality of the embedded weights."""
    measured = _read("quality")
    columns = {title: measured["rows"][name] for name, title in GENERATORS.items() if name in measured["rows"]}
    rows = []
    for figure, (label, text) in FIGURES.items():
        medians = {title: text.format(statistics.median(row[figure])) for title, row in columns.items()}
        if figure == "novelty":
            medians[REAL] = ""
        rows.append([label, *medians.values()])
    return _table([f"{measured['fakes']:,} faces, medians", *columns], rows)


def recipes() -> str:
    """Short trainings on a CPU beside each other, a row each."""
    return _recipes(_read("comparison"))


def recipes_cuda() -> str:
    """The same, longer, on a GPU."""
    return _recipes(_read("comparison_cuda"))


def course() -> str:
    """Long trainings on a CPU, judged on their way."""
    return _course(_read("course")["rows"])


def course_cuda() -> str:
    """The same on a GPU."""
    return _course(_read("course_cuda")["rows"])


def _course(measured: dict[str, Any]) -> str:
    def cell(figures: dict[str, float]) -> str:
        return " / ".join(f"{figures[name]:.2f}" for name in DISTANCES)

    courses = [{round(point["kimg"]): cell(point) for point in row["points"]} for row in measured.values()]
    rows = [[f"{count * 1000:,}", *(one.get(count, "") for one in courses)] for count in sorted(set().union(*courses))]
    rows.append(["the last through the best", *(cell(row["last_to_best"]) for row in measured.values())])
    head = "images: Frechet distance, attribute / random features"
    return _table([head, *(TITLES.get(name, name) for name in measured)], rows)


def _recipes(measured: dict[str, Any]) -> str:
    meaningless = {"worst_rate", "novelty"}  # of generators that leave attributes out, and are far from all faces
    figures = {name: shown for name, shown in FIGURES.items() if name not in meaningless}
    rows = []
    for recipe, row in measured["rows"].items():
        medians = [text.format(statistics.median(row[name])) for name, (_, text) in figures.items()]
        rows.append([TITLES.get(recipe, recipe), *medians])
    head = f"after {measured['kimg'] * 1000:,.0f} images"
    return _table([head, *(label for label, _ in figures.values())], rows)


def speed() -> str:
    """Images a second while training."""
    rows = []
    for measured in map(_read, ("train_speed", "train_speed_cuda")):
        for row in measured["rows"]:
            speeds = (f"{row[name]:,.0f}" for name in ("speed", "reference"))
            figures = [*speeds, f"{row['ratio']:.2f}", _percent(row["share"])]
            rows.append(
                [measured["device"], TITLES.get(row["recipe"], row["recipe"]), str(row["batch_size"]), *figures]
            )
    head = ["device", "recipe", "batch", "images/s", TITLES[REFERENCE], "ratio", "of the bf16 matrix rate"]
    return _table(head, rows)


def serving() -> str:
    """What a visitor waits for."""
    measured = _read("serve")
    paint, load, start, rush, compute = (measured[name] for name in ("paint", "load", "start", "rush", "compute"))
    others = ("empty", "direct")

    def seconds(figures: dict[str, float]) -> str:
        return f"{figures['median_ms'] / 1000:.1f} s"

    def milliseconds(figures: dict[str, float]) -> str:
        return f"{figures['median_ms']:.0f} ms"

    def tail(figures: dict[str, float]) -> str:
        return f"{milliseconds(figures)} (95 %: {figures['p95_ms']:.0f})"

    def events(figures: dict[str, float]) -> str:
        return f"{figures['events_per_second']:.0f} events/s"

    errors = sum(load["ours"]["errors"].values())
    rows = [
        [
            "slider's input to the new draft painted, in Chromium",
            tail(paint["ours"]),
            *(f"{tail(paint[name])}, ratio {paint['ratios'][name]:.2f}" for name in others),
        ],
        [
            f"{load['visitors']} visitors dragging at once",
            f"{events(load['ours'])}, {errors} errors",
            *(f"{events(load[name])} ({load['ratios'][name]:.2f})" for name in others),
        ],
        ["a draft of a drag, computed on one core", milliseconds(compute["together"]), "", ""],
        ["an edit at rest, measured and corrected, on one core", milliseconds(compute["edit"]), "", ""],
        ["nine of them, for a filmstrip", milliseconds(compute["strip"]), "", ""],
        ["from `python app.py` to the first face painted", seconds(start["ours"]), "", ""],
        ["of this, the import of torch and gradio", seconds(start["imports"]), "", ""],
        [
            f"{rush['visitors']} visitors who come at one moment",
            f"{rush['served']} served, {rush['turned_away']} told that the queue is full",
            "",
            "",
        ],
    ]
    head = [
        f"page, {measured['device']}",
        "this page",
        "handler that does nothing, in Gradio's queue",
        "the same, around the queue",
    ]
    return _table(head, rows)


# By the file that shows them.
TABLES: dict[Path, tuple[Callable[[], str], ...]] = {
    ROOT / "README.md": (editors, sliders, faces),
    ROOT / "benchmarks/README.md": (limits, recipes_cuda, recipes, course_cuda, course, speed, serving),
}


def with_tables() -> dict[Path, str]:
    """The text of each of these files, its tables written anew.

    Raises:
        ValueError: a table is not in its file, or more than once; or its figures are not of the embedded weights, or
            not by the judge beside this file.
    """
    both, judge = measured_on(Editor.from_pretrained()), judged_by(EVALUATOR)
    expected = dict.fromkeys(("quality", "editing", "limits"), both)
    expected |= dict.fromkeys(("comparison", "comparison_cuda", "course", "course_cuda"), judge)
    for name, marks in expected.items():
        for what, mark in marks.items():
            if _read(name).get(what) != mark:
                raise ValueError(f"{name}.json was measured with other {what} than the one here, {mark}")
    return {path: _with_tables(path, tables) for path, tables in TABLES.items()}


def _with_tables(path: Path, tables: Iterable[Callable[[], str]]) -> str:
    text = path.read_text()
    for table in tables:
        name = table.__name__
        text, count = re.subn(rf"(?<=<!-- {name} -->\n)(\|.*\n)*", table(), text)
        if count != 1:
            raise ValueError(f"{path}: the comment <!-- {name} --> must be there once, and is {count} times")
    return text


def _percent(share: float, digits: int = 0) -> str:
    return f"{share * 100:.{digits}f} %"


def _flips(row: dict[str, Any], name: str) -> str:
    low, high = row[f"{name}_interval"]
    return f"{row[name] * 100:.1f} % ({low * 100:.1f} to {high * 100:.1f})"


def _interval(method: dict[str, Any] | None, digits: int = 2) -> str:
    if method is None:
        return ""
    mean, low, high = (f"{value:.{digits}f}" for value in (method["mean_dependency"], *method["interval"]))
    return f"{mean} ({low} to {high})"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (head, ["---"] * len(head), *rows))


def _read(name: str) -> Any:
    return json.loads((ROOT / f"benchmarks/{name}.json").read_text())


if __name__ == "__main__":
    for path, text in with_tables().items():
        path.write_text(text)
