"""Whether a slider changes what it names and nothing else, from one end to the other, and shows its value.

Measured as a visitor uses it: every slider of `--faces` is asked for each of `VALUES`, and no face is left out because
it does not get there. The evaluator (evaluator.py), which edits nothing, reads what changes; skin tone is computed from
the cheeks. Networks from outside (outside.py) see whether the ends look real and show the same person. On the first
`--compared` faces other editors (rivals.py) move the same generator (leaks.py).

    pip install --no-deps -r benchmarks/requirements.txt
    python -m benchmarks.editing --data DATA

Prints tables. Writes editing.json, which page, model card and README.md show.
"""

import itertools
import math
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor
from tqdm.auto import tqdm

from expressions import Editor
from expressions.attributes import COUPLED, SKIN_TONE, SLIDERS
from expressions.images import to_uint8
from expressions.regions import region
from expressions.solver import Look
from expressions.training.config import DataOptions
from expressions.training.data import FaceDataset, load_faces

from . import rivals, tables
from .evaluator import command_line, load_evaluator, measured_on
from .leaks import Curves, bootstrap, changes_of, do_nothing, leaks_of, where_all_reach
from .outside_judge import OutsideJudge, PersonJudge
from .readers import FIRST_SEED, FIT_SEED, AttributeReader, faces_of, scaling_faces
from .reports import EditingReport, EditorLeaks, PictureFigures, Realism, SeveralFigures, SliderFigures, write_report

VALUES = (5, 20, 50, 80, 95)  # asked of every slider; a visitor goes from the first to the last
AMOUNTS = (-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0)  # a rival's edits, in standard deviations it expects
MISSED = 3.0  # points by which the editor's own reading may miss a value that is within reach
KNOWN = 100  # faces whose ends the recogniser compares: it takes longer for a face than an edit
SETS = 2  # draws of several sliders for each face

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_threads(edit: Callable[[Item], Result], items: Sequence[Item], title: str) -> list[Result]:
    """An edit of each item, in a thread for each core."""
    with ThreadPoolExecutor(os.cpu_count(), initializer=torch.set_num_threads, initargs=(1,)) as pool:
        return list(tqdm(pool.map(edit, items), desc=title, total=len(items), leave=False))


# One slider ---------------------------------------------------------------------------------------


class Answers(NamedTuple):
    """What came of asking one slider of N faces for each of `VALUES`, V."""

    readings: list[Tensor]  # of each reader, (V, N, S)
    curves: list[Tensor]  # the same with the unedited faces among them, (2V + 1, N, S), as in `Curves`
    is_reached: Tensor  # (V, N): whether the editor itself reads what was asked
    ends: Tensor  # (2, N, 3, 64, 64) uint8: the faces at the first value and at the last


def ask(editor: Editor, readers: Sequence[AttributeReader], faces: Sequence[Look], name: str) -> Answers:
    """Edit every face once for each of `VALUES`, for all who judge."""

    def of_one(face: Look) -> list[Look]:
        return [editor.follow(face, {name: float(value)}) for value in VALUES]

    looks = list(zip(*in_threads(of_one, faces, name), strict=True))  # (V, N)
    unedited, *images = [torch.cat([look.image for look in row]) for row in (faces, *looks)]
    column = editor.attributes.index(name)
    own, *edited = [torch.stack([look.values[column] for look in row]) for row in (faces, *looks)]
    shown = torch.stack(edited).clamp(0, 100)
    readings = [torch.stack([reader(batch) for batch in images]) for reader in readers]
    return Answers(
        readings,
        [curve(seen, reader(unedited), own) for seen, reader in zip(readings, readers, strict=True)],
        (shown - torch.tensor(VALUES)[:, None]).abs() <= MISSED,
        torch.stack([to_uint8(images[0]), to_uint8(images[-1])]),
    )


def curve(readings: Tensor, base: Tensor, own: Tensor) -> Tensor:
    """Put unedited faces among the edited ones, as in `Curves`.

    Args:
        readings: (V, N, S), as in `Answers`.
        base: (N, S) of the unedited faces.
        own: (N,) their values of the slider, by the editor.
    """
    is_below = (torch.tensor(VALUES)[:, None] < own)[:, :, None]
    return torch.cat([torch.where(is_below, readings, base), base[None], torch.where(is_below, base, readings)])


def slider_figures(name: str, readings: Tensor, is_reached: Tensor, reader: AttributeReader) -> SliderFigures:
    """Compare the faces at the last value with the same faces at the first, and values asked for with those read.

    Args:
        name: of the slider.
        readings, is_reached: as in `Answers`.
        reader: whose readings these are.
    """
    asked = torch.tensor(VALUES)[:, None]
    is_inner = (asked[:, 0] >= 20) & (asked[:, 0] <= 80)
    own, tone, held = reader.column(name), reader.column(SKIN_TONE), reader.held(name)
    change = readings[-1] - readings[0]  # (N, S)
    others = change[:, held].abs().mean(0)
    flips = reader.flips("Male", readings[0], readings[-1])
    return {
        "own": change[:, own].mean().item(),
        "others": others.mean().item(),
        "largest": others.max().item(),
        "largest_in": reader.names[held[int(others.argmax())]],
        "mean_absolute_error": (reader.values(readings)[:, :, own] - asked).abs().mean().item(),
        "within_reach": is_reached[is_inner].float().mean().item(),
        "male_flips": flips.mean().item(),
        "male_flips_interval": bootstrap(flips[None, None]),
        "median_ita_change": (change[:, tone].abs() * reader.deviation[tone]).median().item(),
    }


# How the ends look --------------------------------------------------------------------------------


class Strangers:
    """Networks from outside, and real faces to compare with.

    Raises:
        ValueError: a network's package is missing.
    """

    def __init__(self, source: str) -> None:
        labels = [name for name in SLIDERS if name != SKIN_TONE]
        held_out = load_faces(DataOptions(data=source), "valid", people=True)
        self.real = load_faces(DataOptions(data=source), "train", attributes=labels)
        self.judge = OutsideJudge(held_out, self.real.images, torch.device("cpu"), quick=True)
        self.persons = PersonJudge(held_out)

    def realism(self, images: Tensor) -> Realism:
        """Of uint8 faces (N, 3, 64, 64)."""
        return {"fd_mobilenet": self.judge.distance(images), "doubted": self.judge.doubted(images)}

    def assess(self, name: str, ends: Tensor) -> PictureFigures:
        """How the ends (2, N, 3, 64, 64) of a slider look, beside as many real faces without it and with it."""
        low, high = ends
        figures: PictureFigures = {
            "same_person": self.persons.same(low[:KNOWN], high[:KNOWN]),
            "ends": [self.realism(low), self.realism(high)],
            "real": [self.realism(faces) for faces in with_and_without(self.real, name, len(low))],
        }
        if (inside := region(name)).min() < 1:
            figures["outside_region"] = outside_share(ends, inside)
        return figures


def outside_share(ends: Tensor, inside: Tensor) -> float:
    """Share of the squared change between ends (2, N, 3, 64, 64) that lies outside of a region (64, 64) with soft
    borders."""
    squares = (ends[1].float() - ends[0].float()).square().sum((0, 1))
    return (((1 - inside) * squares).sum() / squares.sum()).item()


def with_and_without(faces: FaceDataset, name: str, count: int) -> list[Tensor]:
    """The first `count` faces without an attribute and those with it; nothing where there are fewer, or no label."""
    if name not in faces.attributes:
        return []
    has = faces.labels[:, faces.attributes.index(name)]
    rows = [which.nonzero()[:count, 0] for which in (~has, has)]
    return [faces.images[row] for row in rows] if min(map(len, rows)) == count else []


# Several sliders ----------------------------------------------------------------------------------


def ask_several(editor: Editor, faces: Sequence[Look], is_reached: Mapping[str, Tensor], count: int) -> SeveralFigures:
    """Ask faces for random values of `count` random sliders at once; two colours of hair are never asked together.

    Args:
        editor: who edits.
        faces: N.
        is_reached: (V, N) by slider: which of `VALUES` each face reaches when it is asked for that alone.
        count: of sliders.
    """
    sets = [names for names in itertools.combinations(SLIDERS, count) if not contradict(names)]
    rng = torch.Generator().manual_seed(count)
    chosen = torch.randint(len(sets), (SETS * len(faces),), generator=rng).tolist()
    drawn = torch.randint(len(VALUES), (len(chosen), count), generator=rng).tolist()

    def lands(index: int) -> tuple[list[bool], list[bool]]:
        row, names, places = index % len(faces), sets[chosen[index]], drawn[index]
        asked = {name: float(VALUES[place]) for name, place in zip(names, places, strict=True)}
        shown = editor.follow(faces[row], asked).values.clamp(0, 100)
        landed = [abs(shown[editor.attributes.index(name)].item() - value) <= MISSED for name, value in asked.items()]
        return [bool(is_reached[name][place, row]) for name, place in zip(names, places, strict=True)], landed

    results = in_threads(lands, range(len(chosen)), f"{count} sliders")
    whole = [all(landed) for reachable, landed in results if all(reachable)]
    beside = [
        there
        for reachable, landed in results
        if not all(reachable)
        for can, there in zip(reachable, landed, strict=True)
        if can
    ]
    return {
        "sets": len(whole),
        "all_land": sum(whole) / len(whole) if whole else math.nan,
        "beside": len(beside),
        "beside_land": sum(beside) / len(beside) if beside else math.nan,
    }


def contradict(names: Sequence[str]) -> bool:
    """Whether two of them are kinds of one thing: each may change with the other."""
    pairs = itertools.permutations(names, 2)
    return any(second in COUPLED.get(first, ()) and first in COUPLED.get(second, ()) for first, second in pairs)


# Other editors ------------------------------------------------------------------------------------


def with_rivals(ours: Curves, editor: Editor, reader: AttributeReader, z: Tensor) -> dict[str, EditorLeaks]:
    """What other editors change besides on the same generator and faces, z (N, 100), and ours before them, over the
    edits that all of them reach."""
    methods = {"ours": changes_of(ours, reader)}
    for name, edits in rivals.all_edits(editor, rivals.draw(editor, FIT_SEED)).items():
        curves: Curves = {}
        for slider in tqdm(SLIDERS, desc=name, leave=False):
            moved = edits(z, editor.attributes.index(slider), AMOUNTS)
            curves[slider] = torch.stack([reader(faces_of(editor, latents)) for latents in moved])
        methods[name] = changes_of(curves, reader)
    shared = where_all_reach(list(methods.values()))
    return {name: leaks_of(changes, reader) for name, changes in zip(methods, shared, strict=True)}


def main() -> None:
    parser = command_line(__doc__)
    parser.add_argument("--weights", help="folder or Hub id of the editor; the embedded one if not given")
    parser.add_argument("--faces", type=int, default=300, help="faces whose every slider is moved")
    parser.add_argument("--compared", type=int, default=32, help="of these, faces that other methods move too")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/editing.json"), help="where to write the figures")
    arguments = parser.parse_args()
    if not arguments.faces >= arguments.compared > 1:
        parser.error("--compared must be at least 2, and --faces no less")

    editor = Editor.from_pretrained(arguments.weights)
    sample = scaling_faces(editor)
    reader = AttributeReader(load_evaluator(arguments.evaluator), editor.attributes, sample)
    strangers = Strangers(arguments.data)
    z = editor.latents(range(FIRST_SEED, FIRST_SEED + arguments.faces), attempts=1)
    faces, few = [editor.look(row) for row in z.split(1)], arguments.compared
    report: EditingReport = {
        **measured_on(editor, arguments.evaluator),
        "faces": arguments.faces,
        "compared": few,
        "sliders": {},
        "pictures": {},
        "unedited": strangers.realism(to_uint8(torch.cat([face.image for face in faces]))),
        "several": {},
        "methods": {},
        "do_nothing": do_nothing(reader, sample),
    }
    curves, is_reached = {}, {}
    for name in tqdm(SLIDERS):
        answers = ask(editor, [reader], faces, name)
        curves[name], is_reached[name] = answers.curves[0][:, :few], answers.is_reached
        report["sliders"][name] = slider_figures(name, answers.readings[0], is_reached[name], reader)
        report["pictures"][name] = strangers.assess(name, answers.ends)
    report["several"] = {str(count): ask_several(editor, faces, is_reached, count) for count in (2, 3)}
    report["methods"] = with_rivals(curves, editor, reader, z[:few])
    write_report(report, arguments.out)
    print(*tables.editing(report).values(), sep="\n")


if __name__ == "__main__":
    main()
