"""What limits the sliders: an edit as it is, beside simpler and costlier ones of the same faces.

Each row changes one thing of the editor and is judged as in editing.py: where a costlier edit is no better, the solver
is not what limits it. The dearest goes on from an edit, for each face by itself, by gradient descent in all 100 numbers
of u. What its own classifier then sees, and the judge does not, is the classifier's error.

    PYTHONPATH=. python benchmarks/limits.py --data DATA

Prints a table. Writes limits.json, which the README beside it shows.
"""

import itertools
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from editing import DRAWN, FIRST_SEED, VALUES, Judge, ask, both_judges, distance, each_edited, summarise
from judges import load_evaluator, measured_on, parser_of_judgements
from reports import write_report
from torch import Tensor

from expressions import Editor
from expressions import editor as solver
from expressions.attributes import CELEBA_ATTRIBUTES, SKIN_TONE, SLIDERS, free_to_change
from expressions.editor import Look
from expressions.latents import to_normal, to_uniform
from expressions.networks.classifier import predict
from expressions.training.data import load_faces


class FirstStep(Editor):
    """Adds directions by the calibrated amounts, and does not look at the picture."""

    def follow(self, face: Look, targets: Mapping[str, float]) -> Look:
        return self.look(self.sketch(face, targets))


class Descent(Editor):
    """Goes on from an edit by Adam in u: towards the values it showed, and against the change of all others.

    Values count in standard deviations of random faces; the named ones weigh as much as all that are held together.
    """

    STEPS, RATE = 40, 0.05
    DEVIATION = 100 / 4.65  # points, of a score that is normal

    def follow(self, face: Look, targets: Mapping[str, float]) -> Look:
        start = super().follow(face, targets)
        free = free_to_change(targets)
        named = [self.attributes.index(name) for name in targets]
        held = [column for column, name in enumerate(self.attributes) if name not in free]
        u = to_normal(start.z).requires_grad_()
        optimizer = torch.optim.Adam([u], self.RATE)
        for _ in range(self.STEPS):
            values = self.values(self._scores(self.generator(to_uniform(u))))[0]
            missing, drift = ((values - goal) / self.DEVIATION for goal in (start.values, face.values))
            optimizer.zero_grad()
            (missing[named].square().sum() + drift[held].square().mean()).backward()
            optimizer.step()
        return self.look(to_uniform(u.detach()))


# By its name in the table: who edits, and constants of the solver that differ.
ROWS: dict[str, tuple[type[Editor], dict[str, Any]]] = {
    "as it is": (Editor, {}),
    "first step alone": (FirstStep, {}),
    "within 2 points, not 1": (Editor, {"_TOLERANCE": 2.0}),
    "up to 12 steps, not 6": (Editor, {"MAX_STEPS": 12}),
    "drift not corrected": (Editor, {"_HELD_SHARE": 0.0}),
    "drift corrected in full, not by half": (Editor, {"_HELD_SHARE": 1.0}),
    "drift of every value corrected by half": (Editor, {"IDENTIFYING": (*CELEBA_ATTRIBUTES, SKIN_TONE)}),
    "u moved by up to 8, not 6": (Editor, {"_MAX_DISTANCE": 8.0}),
}
DESCENT: dict[str, tuple[type[Editor], dict[str, Any]]] = {
    "start of the descent": (Editor, {}),
    "gradient descent from there": (Descent, {}),
}


def measure(editor: Editor, readers: Sequence[Judge], z: Tensor) -> dict[str, Any]:
    """What every slider of these faces changes besides, by the judge and by the editor's own classifier, whether it
    shows its value, and how many faces an edit draws."""
    drawn = itertools.count(-len(z))  # the unedited faces are drawn once

    def count(*_: object) -> None:
        next(drawn)

    editor.generator.register_forward_hook(count)
    curves, report = ask(editor, readers, z)
    judged, own = (summarise(curve, reader) for curve, reader in zip(curves, readers, strict=True))
    return {
        "mean_dependency": judged["mean_dependency"],
        "interval": judged["interval"],
        "own_view": own["mean_dependency"],
        "mean_absolute_error": statistics.mean(row["mean_absolute_error"] for row in report.values()),
        "within_reach": statistics.mean(row["within_reach"] for row in report.values()),
        "male_flips": statistics.mean(row["male_flips"] for name, row in report.items() if name != "Male"),
        "draws": next(drawn) / (len(z) * len(report) * len(VALUES)),
    }


def agreement_on_values(readers: Sequence[Judge], faces: Tensor) -> dict[str, float]:
    """For each slider, how the readings of two judges correlate over unedited faces (N, 3, 64, 64): a value that both
    read alike can be shown to both."""
    first, second = (reader(faces) for reader in readers)
    columns = {name: readers[0].column(name) for name in SLIDERS}
    return {name: torch.corrcoef(torch.stack([first[:, c], second[:, c]]))[0, 1].item() for name, c in columns.items()}


def main() -> None:
    parser = parser_of_judgements(__doc__)
    parser.add_argument("--faces", type=int, default=64, help="faces whose every slider is moved")
    parser.add_argument("--descended", type=int, default=8, help="of these, faces for gradient descent")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/limits.json"))
    arguments = parser.parse_args()
    if not arguments.faces >= arguments.descended > 0:
        parser.error("--descended must be positive, and --faces no less")

    evaluator = load_evaluator(arguments.evaluator)
    real = predict(evaluator.features, load_faces(arguments.data, "valid").images)
    as_it_is = Editor.from_pretrained(arguments.weights)
    readers, sample = both_judges(as_it_is, evaluator)
    agreement = agreement_on_values(readers, sample)
    print("judge and editor, correlation:", ", ".join(f"{name} {value:.2f}" for name, value in agreement.items()))
    z = as_it_is.latents(range(FIRST_SEED, FIRST_SEED + max(DRAWN, arguments.faces)))
    rows: dict[str, dict[str, Any]] = {}
    for name, (kind, constants) in (ROWS | DESCENT).items():
        editor = kind.from_pretrained(arguments.weights)
        faces = arguments.descended if name in DESCENT else arguments.faces
        with patch.dict(vars(solver), constants):
            row = measure(editor, readers, z[:faces])
            if name in ROWS:
                row["fd_edited"] = distance(editor, evaluator, each_edited(editor, z[:DRAWN]), real)
        rows[name] = {"faces": faces} | row
        shown = "  ".join(f"{key} {value:.3f}" for key, value in row.items() if key != "interval")
        print(f"{name:40}{shown}", flush=True)
    report = {"agreement_on_values": agreement, "rows": rows}
    write_report(measured_on(as_it_is, arguments.evaluator) | report, arguments.out)


if __name__ == "__main__":
    main()
