"""What limits the sliders: an edit as it is, beside simpler and costlier ones of the same faces.

Each row changes one thing of the editor and is read as in editing.py: where a costlier edit is no better, the solver
is not what limits it. The dearest goes on from an edit, for each face by itself, by gradient descent in all 100 numbers
of u. What the editor's own classifier then sees, and the evaluator does not, is the classifier's error.

    python -m benchmarks.limits --data DATA

Prints a table. Writes limits.json, which docs/figures.md shows.
"""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from expressions import Editor
from expressions.attributes import CELEBA_ATTRIBUTES, SKIN_TONE, SLIDERS, free_to_change
from expressions.images import to_uint8
from expressions.latents import to_normal, to_uniform
from expressions.networks.classifier import predict
from expressions.solver import Look
from expressions.training.config import DataOptions
from expressions.training.data import load_faces
from expressions.training.metrics import frechet_distance

from . import tables
from .editing import VALUES, ask, in_threads, slider_figures
from .evaluator import command_line, load_evaluator, measured_on
from .leaks import changes_of, leaks_of
from .readers import DRAWN, FIRST_SEED, AttributeReader, faces_of, scaling_faces
from .reports import LimitsReport, LimitsRow, write_report


class FirstStep(Editor):
    """Adds directions by the calibrated amounts, and does not look at the picture."""

    def follow(self, face: Look, targets: Mapping[str, float]) -> Look:
        return self.look(self.sketch(face, targets))


class Descent(Editor):
    """Goes on from an edit by Adam in u: towards the values it showed, and against the change of all others.

    Values count in standard deviations of random faces; the named ones weigh as much as all that are held together.
    """

    STEPS, RATE = 40, 0.05
    DEVIATION = 100 / 4.65  # points, of a score that is normal: its percentiles 1 and 99 are 4.65 deviations apart

    def follow(self, face: Look, targets: Mapping[str, float]) -> Look:
        start = super().follow(face, targets)
        free = free_to_change(targets)
        named = [self.attributes.index(name) for name in targets]
        held = [column for column, name in enumerate(self.attributes) if name not in free]
        u = to_normal(start.z).requires_grad_()
        optimizer = torch.optim.Adam([u], self.RATE)
        for _ in range(self.STEPS):
            values = self.values(self.scores(self.generator(to_uniform(u))))[0]
            missing, drift = ((values - goal) / self.DEVIATION for goal in (start.values, face.values))
            optimizer.zero_grad()
            (missing[named].square().sum() + drift[held].square().mean()).backward()
            optimizer.step()
        return self.look(to_uniform(u.detach()))


# By its name in the table: who edits, and settings of the solver that differ.
ROWS: dict[str, tuple[type[Editor], dict[str, Any]]] = {
    "as it is": (Editor, {}),
    "first step alone": (FirstStep, {}),
    "within 2 points, not 1": (Editor, {"tolerance": 2.0}),
    "up to 12 steps, not 6": (Editor, {"max_steps": 12}),
    "drift not corrected": (Editor, {"held_share": 0.0}),
    "drift corrected in full, not by half": (Editor, {"held_share": 1.0}),
    "drift of every value corrected by half": (Editor, {"held": (*CELEBA_ATTRIBUTES, SKIN_TONE)}),
    "u moved by up to 8, not 6": (Editor, {"max_distance": 8.0}),
}
DESCENT: dict[str, tuple[type[Editor], dict[str, Any]]] = {
    "start of the descent": (Editor, {}),
    "gradient descent from there": (Descent, {}),
}


def measure(editor: Editor, readers: Sequence[AttributeReader], z: Tensor) -> LimitsRow:
    """What every slider of these faces z (N, 100) changes besides, by the evaluator and by the editor's own classifier,
    whether it shows its value, and how many faces an edit draws."""
    faces = [editor.look(row) for row in z.split(1)]
    drawn: list[None] = []
    editor.generator.register_forward_hook(lambda *_: drawn.append(None))
    answers = {name: ask(editor, readers, faces, name) for name in SLIDERS}
    figures = {name: slider_figures(name, one.readings[0], one.is_reached, readers[0]) for name, one in answers.items()}
    judged, viewed = (
        leaks_of(changes_of({name: one.curves[index] for name, one in answers.items()}, reader), reader)
        for index, reader in enumerate(readers)
    )
    return {
        "faces": len(z),
        "mean_dependency": judged["mean_dependency"],
        "interval": judged["interval"],
        "own_view": viewed["mean_dependency"],
        "within_reach": statistics.mean(row["within_reach"] for row in figures.values()),
        "male_flips": statistics.mean(row["male_flips"] for name, row in figures.items() if name != "Male"),
        "draws": len(drawn) / (len(z) * len(figures) * len(VALUES)),
    }


def each_edited(editor: Editor, z: Tensor) -> Tensor:
    """Latents (N, 100), each edited to 5 or 95 of one slider."""

    def edit(i: int) -> Tensor:
        value = 95.0 if i // len(SLIDERS) % 2 else 5.0
        return editor.edit(z[i : i + 1], {SLIDERS[i % len(SLIDERS)]: value})

    return torch.cat(in_threads(edit, range(len(z)), "Frechet distance"))


def agreement_on_values(readers: Sequence[AttributeReader], faces: Tensor) -> dict[str, float]:
    """For each slider, how the readings of two readers correlate over unedited faces (N, 3, 64, 64): a value that both
    read alike can be shown to both."""
    first, second = (reader(faces) for reader in readers)
    columns = {name: readers[0].column(name) for name in SLIDERS}
    return {name: torch.corrcoef(torch.stack([first[:, c], second[:, c]]))[0, 1].item() for name, c in columns.items()}


def main() -> None:
    parser = command_line(__doc__)
    parser.add_argument("--weights", help="folder or Hub id of the editor; the embedded one if not given")
    parser.add_argument("--faces", type=int, default=64, help="faces whose every slider is moved")
    parser.add_argument("--descended", type=int, default=8, help="of these, faces for gradient descent")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/limits.json"), help="where to write the figures")
    arguments = parser.parse_args()
    if not arguments.faces >= arguments.descended > 0:
        parser.error("--descended must be positive, and --faces no less")

    evaluator = load_evaluator(arguments.evaluator)
    real = predict(evaluator.features, load_faces(DataOptions(data=arguments.data), "valid").images)
    as_it_is = Editor.from_pretrained(arguments.weights)
    sample = scaling_faces(as_it_is)
    readers = [AttributeReader(one, as_it_is.attributes, sample) for one in (evaluator, as_it_is.classifier)]
    z = as_it_is.latents(range(FIRST_SEED, FIRST_SEED + max(DRAWN, arguments.faces)), attempts=1)
    report: LimitsReport = {
        **measured_on(as_it_is, arguments.evaluator),
        "agreement_on_values": agreement_on_values(readers, sample),
        "rows": {},
    }
    for name, (kind, settings) in (ROWS | DESCENT).items():
        editor = kind.from_pretrained(arguments.weights)
        editor.solver = replace(editor.solver, **settings)
        row = measure(editor, readers, z[: arguments.descended if name in DESCENT else arguments.faces])
        if name in ROWS:
            drawn = faces_of(editor, each_edited(editor, z[:DRAWN]))
            row["fd_edited"] = frechet_distance(real, predict(evaluator.features, to_uint8(drawn)))
        report["rows"][name] = row
    write_report(report, arguments.out)
    print(tables.limits(report))


if __name__ == "__main__":
    main()
