"""Whether a slider changes what it names and nothing else, and shows its value: read by a network that edits nothing.

The reader is the evaluator (evaluator.py); skin tone is computed from the cheeks. Every slider of `--faces` is moved,
and on the first `--compared` of them by every other editor of rivals.py, too. Editors are compared at equal change of
the moved attribute (leaks.py).

    python -m benchmarks.editing --data DATA --plain benchmarks/plain.safetensors

Prints tables. Writes editing.json, which page, model card and README.md show.
"""

import math
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor
from tqdm.auto import tqdm

from expressions import Editor
from expressions.attributes import SKIN_TONE, SLIDERS
from expressions.images import to_uint8
from expressions.networks.classifier import predict
from expressions.solver import Look
from expressions.training.config import DataOptions
from expressions.training.data import load_faces
from expressions.training.metrics import frechet_distance

from . import rivals, tables
from .evaluator import Evaluator, command_line, load_evaluator, measured_on, plain_editor
from .leaks import Curves, agreement, bootstrap, do_nothing, leaks_of, where_all_reach
from .readers import DRAWN, FIRST_SEED, FIT_SEED, AttributeReader, both_readers, faces_of
from .reports import ALL_FACES, ON_OURS, EditedDistance, EditingReport, EditorLeaks, SliderFigures, write_report

VALUES = (5, 20, 35, 50, 65, 80, 95)  # asked of this project's sliders
AMOUNTS = (-3.0, -2.0, -1.2, -0.6, 0.0, 0.6, 1.2, 2.0, 3.0)  # a rival's edits, in standard deviations it expects
MISSED = 3.0  # points by which the editor's own reading may miss a value that is within reach

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_threads(edit: Callable[[Item], Result], items: Sequence[Item], title: str) -> list[Result]:
    """An edit of each item, in a thread for each core."""
    with ThreadPoolExecutor(os.cpu_count(), initializer=torch.set_num_threads, initargs=(1,)) as pool:
        return list(tqdm(pool.map(edit, items), desc=title, total=len(items), leave=False))


def edited(editor: Editor, faces: Sequence[Look], name: str) -> list[list[Look]]:
    """Every face with a slider at each of `VALUES`."""

    def of_one(face: Look) -> list[Look]:
        return [editor.follow(face, {name: float(value)}) for value in VALUES]

    return in_threads(of_one, faces, name)


def ask(editor: Editor, readers: Sequence[AttributeReader], z: Tensor) -> tuple[list[Curves], dict[str, SliderFigures]]:
    """Ask every slider of every face for each of `VALUES`.

    Returns:
        The curves of each reader; by slider, what the first one reads beside what was asked.
    """
    reader = readers[0]
    faces = [editor.look(row) for row in z.split(1)]
    unedited, own = torch.cat([face.image for face in faces]), torch.stack([face.values for face in faces])
    bases = [one(unedited) for one in readers]  # (N, S)
    asked = torch.tensor(VALUES, dtype=torch.float)[:, None]  # (V, 1)
    curves: list[Curves] = [{} for _ in readers]
    figures = {}
    for name in SLIDERS:
        column = editor.attributes.index(name)
        looks = list(zip(*edited(editor, faces, name), strict=True))  # (V, N)
        images = [torch.cat([look.image for look in row]) for row in looks]
        reported = torch.stack([torch.stack([look.values[column] for look in row]) for row in looks]).clamp(0, 100)
        is_below = (asked < own[:, column])[:, :, None]
        seen = [torch.stack([one(batch) for batch in images]) for one in readers]  # (V, N, S)
        for curve, read, base in zip(curves, seen, bases, strict=True):
            curve[name] = torch.cat([torch.where(is_below, read, base), base[None], torch.where(is_below, base, read)])
        measured = reader.values(seen[0])[:, :, reader.column(name)]
        is_reached = (reported - asked).abs() <= MISSED
        figures[name] = slider_figures(measured, is_reached, bases[0], seen[0], reader)
    return curves, figures


def slider_figures(
    measured: Tensor, is_reached: Tensor, base: Tensor, readings: Tensor, reader: AttributeReader
) -> SliderFigures:
    """Compare values asked for with those read, and the faces at the highest value with those at the lowest.

    Args:
        measured: (V, N) what was read where `VALUES` were asked for.
        is_reached: (V, N) whether the editor says that the value is within reach: only there both are compared.
        base: (N, S) readings of the unedited faces.
        readings: (V, N, S) of the edited ones. The reader is sure of a face that reads farther from the border of
            `Male` than mirroring takes 95 % of all faces.
        reader: whose readings these are.
    """
    asked = torch.tensor(VALUES, dtype=torch.float)[:, None].expand_as(measured)
    x, y = asked[is_reached], measured[is_reached]
    inner = torch.tensor([10 <= value <= 90 for value in VALUES])
    tone, male = reader.column(SKIN_TONE), reader.column("Male")
    flips = reader.flips("Male", readings[0], readings[-1])
    is_sure = (base - reader.border)[:, male].abs() > reader.unrest[male]
    degrees = (readings[-1] - readings[0])[:, tone].abs() * reader.deviation[tone]
    return {
        "slope": (torch.cov(torch.stack([x, y]))[0, 1] / x.var()).item(),
        "mean_absolute_error": (x - y).abs().mean().item(),
        "within_reach": is_reached[inner].float().mean().item(),
        "male_flips": flips.mean().item(),
        "male_flips_interval": bootstrap(flips[None, None]),
        "sure": is_sure.float().mean().item(),
        "sure_male_flips": flips[is_sure].mean().item(),
        "sure_male_flips_interval": bootstrap(flips.where(is_sure, math.nan)[None, None]),
        "median_ita_change": degrees.median().item(),
    }


def rival_curves(
    editor: Editor, evaluator: Evaluator, z: Tensor, suffix: str
) -> tuple[dict[str, Curves], AttributeReader]:
    """Every rival's edits of the same faces z (N, 100) by `AMOUNTS`, on an editor's generator, and who read them."""
    drawn = rivals.draw(editor, FIT_SEED)
    reader = AttributeReader(evaluator, editor.attributes, faces_of(editor, drawn.z[:DRAWN]))
    found: dict[str, Curves] = {}
    for name, edits in rivals.all_edits(editor, drawn).items():
        curves = found[name + suffix] = {}
        for slider in tqdm(SLIDERS, desc=name + suffix):
            moved = edits(z, editor.attributes.index(slider), AMOUNTS)
            curves[slider] = torch.stack([reader(faces_of(editor, latents)) for latents in moved])
    return found, reader


def with_rivals(
    ours: Curves, editor: Editor, plain: Editor | None, evaluator: Evaluator, z: Tensor
) -> dict[str, EditorLeaks]:
    """What the rivals' edits of z (N, 100) change besides on our generator, and on the one that was trained without
    edits; ours beside them."""
    methods: dict[str, EditorLeaks] = {}
    if plain is not None:
        found, reader = rival_curves(plain, evaluator, z, "")
        methods |= {name: leaks_of(curves, reader) for name, curves in found.items()}
    found, reader = rival_curves(editor, evaluator, z, ON_OURS)
    found = {"ours": ours} | found
    methods |= {name: leaks_of(curves, reader) for name, curves in found.items()}
    compared = {name: curves for name, curves in found.items() if name != rivals.CONTROL + ON_OURS}
    leaks, edits = where_all_reach(list(compared.values()), reader)
    for name, leak in zip(compared, leaks, strict=True):
        methods[name]["where_all_reach"] = {"mean_dependency": leak, "edits": edits}
    return methods


def each_edited(editor: Editor, z: Tensor) -> Tensor:
    """Latents (N, 100), each edited to 5 or 95 of one slider."""

    def edit(i: int) -> Tensor:
        value = 95.0 if i // len(SLIDERS) % 2 else 5.0
        return editor.edit(z[i : i + 1], {SLIDERS[i % len(SLIDERS)]: value})

    return torch.cat(in_threads(edit, range(len(z)), "Frechet distance"))


def distance(editor: Editor, evaluator: Evaluator, z: Tensor, real: Tensor) -> float:
    """Frechet distance of the faces of z (N, 100) to real ones, whose features (M, 192) are given."""
    return frechet_distance(real, predict(evaluator.features, to_uint8(faces_of(editor, z))))


def fd_evaluator(editor: Editor, evaluator: Evaluator, source: str) -> EditedDistance:
    """How far faces are from the held-out ones of `source`, edited and not."""
    real = predict(evaluator.features, load_faces(DataOptions(data=source), "valid").images)
    z = editor.latents(range(FIRST_SEED, FIRST_SEED + DRAWN), attempts=1)
    unedited, edited = (distance(editor, evaluator, latents, real) for latents in (z, each_edited(editor, z)))
    return {"faces": DRAWN, "unedited": unedited, "edited": edited}


def main() -> None:
    parser = command_line(__doc__)
    parser.add_argument("--weights", help="folder or Hub id of the editor; the embedded one if not given")
    parser.add_argument("--plain", type=Path, help="generator trained without edits, for the rivals")
    parser.add_argument("--faces", type=int, default=2000, help="faces whose every slider is moved")
    parser.add_argument("--compared", type=int, default=32, help="of these, faces that other methods move too")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/editing.json"), help="where to write the figures")
    arguments = parser.parse_args()
    if not arguments.faces >= arguments.compared > 0:
        parser.error("--compared must be positive, and --faces no less")

    editor = Editor.from_pretrained(arguments.weights)
    evaluator = load_evaluator(arguments.evaluator)
    plain = None
    if arguments.plain:
        plain = plain_editor(arguments.plain, [name for name in editor.attributes if name != SKIN_TONE])
        plain.classifier = editor.classifier
    z = editor.latents(range(FIRST_SEED, FIRST_SEED + arguments.faces), attempts=1)
    readers, sample = both_readers(editor, evaluator)
    curves, figures = ask(editor, readers, z)
    ours = {name: curve[:, : arguments.compared] for name, curve in curves[0].items()}
    methods = with_rivals(ours, editor, plain, evaluator, z[: arguments.compared])
    report: EditingReport = {
        **measured_on(editor, arguments.evaluator),
        "faces": arguments.faces,
        "compared": arguments.compared,
        "sliders": list(SLIDERS),
        "methods": {ALL_FACES: leaks_of(curves[0], readers[0]), **methods},
        "agreement": agreement(curves[0], curves[1], readers[0]),
        "do_nothing": do_nothing(readers[0], sample),
        "calibration": figures,
        "fd_evaluator": fd_evaluator(editor, evaluator, arguments.data),
    }
    write_report(report, arguments.out)
    print(tables.editors(report), tables.sliders(report), sep="\n")


if __name__ == "__main__":
    main()
