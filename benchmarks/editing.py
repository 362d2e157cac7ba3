"""Whether a slider changes what it names and nothing else, and shows its value: judged by a network that edits nothing.

The judge is the evaluator of judges.py (another architecture, other people, another augmentation than anything the
editor was made with), the typology angle of the cheeks and their lightness. Methods are compared at equal change of
the moved attribute as the judge sees it, face by face: each face is edited by several amounts, and what the judge
reads is interpolated between them. What belongs together with the moved attribute (`COUPLED`) is left out. What the
editor's own classifier sees of the same edits stands beside: the gap is what the editor fools itself about.

`--faces` are asked to smile, and not to; every slider of `--moved` of them is moved, and on `--compared` of these by
every other method, too.

    PYTHONPATH=. python benchmarks/editing.py --data DATA --plain benchmarks/plain.safetensors

Prints a table. Writes JSON for the page and the card.
"""

import argparse
import json
import math
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import rivals
import torch
from judges import EVALUATOR, Evaluator, features, load_evaluator, plain_editor
from torch import Tensor
from torch.nn.functional import cosine_similarity
from tqdm.auto import tqdm

from expressions import Editor
from expressions.attributes import COUPLED, IDENTIFYING, SKIN_TONE, SLIDERS
from expressions.classifier import AttributeClassifier
from expressions.data import HUB_DATASET, load_faces
from expressions.editor import Look
from expressions.images import to_uint8
from expressions.latents import to_normal
from expressions.metrics import frechet_distance
from expressions.skin import cheek_lab, individual_typology_angle

FIRST_SEED = 2_000_000  # no fit draws seeds from here on
FIT_SEED = 3_000_000  # but the rivals', from here on
AMOUNTS = (-3.0, -2.0, -1.2, -0.6, 0.0, 0.6, 1.2, 2.0, 3.0)  # a rival's edits, in standard deviations it expects
VALUES = (5, 20, 35, 50, 65, 80, 95)  # asked of this project's sliders
CHANGES = (-2.0, -1.5, -1.0, -0.5, 0.5, 1.0, 1.5, 2.0)  # standard deviations as the judge sees them
ALL_MOVED = "ours, all faces"
OWN_VIEW = "ours, by its own classifier"
MISSED = 3.0  # points by which the editor's own reading may miss a value that is within reach
LIGHTNESS = "L*"
SHOWN = ("slope", "mean_absolute_error", "within_reach", "male_flips", "median_ita_change", "feature_distance")

Curves = dict[str, Tensor]  # for each slider (A, N, S): the judge's readings from the strongest edit down to that up


class Judge:
    """Reads faces without having taken part in editing them.

    Args:
        evaluator: the network of judges.py, or another with `features` and one logit for each attribute.
        attributes: the editor's, skin tone last.
        faces: (N, 3, 64, 64) unedited faces: their standard deviations are the unit, their percentiles the scale.
    """

    def __init__(self, evaluator: Evaluator | AttributeClassifier, attributes: Sequence[str], faces: Tensor) -> None:
        self.evaluator = evaluator
        self.names = (*attributes, LIGHTNESS)
        raw = self._read(faces)
        self.mean, self.deviation = raw.mean(0), raw.std(0)
        self.low, self.high = self._standardise(raw).quantile(raw.new_tensor([0.01, 0.99]), dim=0)
        self.zero = -self.mean / self.deviation  # where a logit says neither yes nor no

    @torch.no_grad()
    def _read(self, images: Tensor) -> Tensor:
        rows = [
            torch.cat([self.evaluator(part), individual_typology_angle(part)[:, None], cheek_lab(part)[:, :1]], 1)
            for part in images.split(250)
        ]
        return torch.cat(rows)

    @torch.no_grad()
    def features(self, images: Tensor) -> Tensor:
        """What the evaluator sees of a face before it names attributes, (N, 192)."""
        return torch.cat([self.evaluator.features(part) for part in images.split(250)])

    def _standardise(self, raw: Tensor) -> Tensor:
        return (raw - self.mean) / self.deviation

    def __call__(self, images: Tensor) -> Tensor:
        """Readings (N, S) in standard deviations."""
        return self._standardise(self._read(images))

    def values(self, readings: Tensor) -> Tensor:
        """Readings (..., S) on the scale of the sliders, as the judge by itself would calibrate it."""
        return ((readings - self.low) / (self.high - self.low) * 100).clamp(0, 100)

    def column(self, name: str) -> int:
        return self.names.index(name)

    def held(self, name: str) -> list[int]:
        """Columns of the attributes that an edit of `name` should leave alone."""
        free = {name, LIGHTNESS, *COUPLED.get(name, ())}
        return [column for column, other in enumerate(self.names) if other not in free]


def faces_of(editor: Editor, z: Tensor) -> Tensor:
    return torch.cat([editor.synthesize(part) for part in z.split(250)])


# What a slider leaks into, at equal change ------------------------------------------------------------


def at_change(curve: Tensor, column: int, change: float) -> Tensor:
    """Interpolate edits to where the judge sees the moved attribute change by so much.

    Args:
        curve: (A, N, S) readings, from the strongest edit down to that up; the middle one is of the face itself.
        column: of the moved attribute.
        change: how much, in standard deviations.

    Returns:
        (N, S), the change of every reading; NaN for a face that does not get there.
    """
    middle = len(curve) // 2
    steps = curve[middle:] if change > 0 else curve[: middle + 1].flip(0)
    moved = steps - curve[middle]
    progress = moved[:, :, column] * math.copysign(1.0, change)
    result = torch.full_like(curve[0], math.nan)
    for before, after, start, end in zip(moved, moved[1:], progress, progress[1:], strict=False):
        crosses = (start < abs(change)) & (end >= abs(change)) & result[:, column].isnan()
        share = ((abs(change) - start) / (end - start))[:, None]
        result = torch.where(crosses[:, None], before + share * (after - before), result)
    return result


def summarise(curves: Curves, judge: Judge) -> dict[str, Any]:
    """Attribute dependency (Wu et al. 2021, arXiv:2011.12799): the mean absolute change, in standard deviations, of
    what an edit of one standard deviation should leave alone."""
    matrix, rows = [], []
    sliders: dict[str, dict[str, Any]] = {}
    for name, curve in curves.items():
        held, column = judge.held(name), judge.column(name)
        both = torch.cat([at_change(curve, column, 1.0), -at_change(curve, column, -1.0)])
        there = both[~both[:, column].isnan()]
        leaks = there[:, held].abs().mean(0)
        rows.append(there[:, held].abs().mean(1))
        matrix.append(there.mean(0).tolist())
        sliders[name] = {
            "mean_dependency": leaks.mean().item(),
            "max_dependency": leaks.max().item(),
            "leaks_into": judge.names[held[int(leaks.nan_to_num().argmax())]],
            "reached": len(there) / len(both),
            "identifying": {other: there[:, judge.column(other)].abs().mean().item() for other in IDENTIFYING},
            "by_change": {str(change): _dependency(curve, judge, name, change) for change in CHANGES},
        }
    return {
        "mean_dependency": _mean(slider["mean_dependency"] for slider in sliders.values()),
        "interval": bootstrap(rows),
        "max_dependency": max(slider["max_dependency"] for slider in sliders.values() if slider["reached"]),
        "sliders": sliders,
        "columns": list(judge.names),
        "matrix": matrix,
    }


def _dependency(curve: Tensor, judge: Judge, name: str, change: float) -> float:
    rows = at_change(curve, judge.column(name), change)
    return rows[~rows.isnan().any(1)][:, judge.held(name)].abs().mean().item()


def _mean(values: Any) -> float:
    return torch.tensor([value for value in values if not math.isnan(value)]).mean().item()


def bootstrap(groups: Sequence[Tensor], draws: int = 500) -> list[float]:
    """95 % interval of the mean of the means of groups, each (N,) of its own length; empty ones are left out."""
    rng = torch.Generator().manual_seed(0)
    means = [rows[torch.randint(len(rows), (draws, len(rows)), generator=rng)].mean(1) for rows in groups if len(rows)]
    levels = means[0].new_tensor([0.025, 0.975])
    return torch.stack(means).mean(0).quantile(levels).tolist()


def do_nothing(judge: Judge, images: Tensor) -> dict[str, dict[str, float]]:
    """What the judge sees change where nobody does: by mirroring a face, and by moving it by a pixel.

    Returns:
        For each of the two the mean absolute change of CelebA's attributes, in standard deviations, and the share of
        faces whose `Male` reading flips.
    """
    lower = torch.cat([images[:, :, :1], images[:, :, :-1]], 2)
    attributes = slice(0, judge.column(SKIN_TONE))
    base = judge(images)
    figures = {}
    for name, changed in (("mirrored", images.flip(3)), ("one pixel lower", lower)):
        readings = judge(changed)
        change = (readings - base)[:, attributes].abs().mean().item()
        figures[name] = {"change": change, "male_flips": male_flips(judge, base, readings).mean().item()}
    return figures


def agreement(curves: Curves, others: Curves, judge: Judge) -> float:
    """How alike two networks see edits leak: the correlation, about 0, of what each sees change in the attributes that
    should stay, from the least of `VALUES` to the greatest. What only one of them sees is its own error."""
    first, second = (
        torch.cat([(curve[-1] - curve[0])[:, _held_labels(judge, name)].flatten() for name, curve in seen.items()])
        for seen in (curves, others)
    )
    return cosine_similarity(first, second, dim=0).item()


def _held_labels(judge: Judge, name: str) -> list[int]:
    """What an edit of `name` should leave alone, but for the skin tone, which no network reads."""
    return [column for column in judge.held(name) if column != judge.column(SKIN_TONE)]


def rival_curves(editor: Editor, judge: Judge, z: Tensor, edits: rivals.Edits, title: str) -> Curves:
    """A rival's edits of the same faces by each of `AMOUNTS`."""
    return {
        name: torch.stack(
            [judge(faces_of(editor, latents)) for latents in edits(z, editor.attributes.index(name), AMOUNTS)]
        )
        for name in tqdm(SLIDERS, desc=title)
    }


# What a slider shows -------------------------------------------------------------------------------


def edited(editor: Editor, faces: Sequence[Look], name: str) -> list[list[Look]]:
    """Every face with a slider at each of `VALUES`; a thread for each core."""

    def of_one(face: Look) -> list[Look]:
        return [editor.follow(face, {name: float(value)}) for value in VALUES]

    with ThreadPoolExecutor(os.cpu_count(), initializer=torch.set_num_threads, initargs=(1,)) as pool:
        return list(tqdm(pool.map(of_one, faces), desc=name, total=len(faces), leave=False))


def ask(editor: Editor, readers: Sequence[Judge], z: Tensor) -> tuple[list[Curves], dict[str, Any]]:
    """Ask every slider of every face for each of `VALUES`.

    Returns:
        The readings of each reader, and whether those of the first are the values asked for.
    """
    judge = readers[0]
    faces = [editor.look(row) for row in z.split(1)]
    unedited, own = torch.cat([face.image for face in faces]), torch.stack([face.values for face in faces])
    bases = [reader(unedited) for reader in readers]  # (N, S)
    asked = torch.tensor(VALUES, dtype=torch.float)[:, None]
    curves: list[Curves] = [{} for _ in readers]
    report = {}
    for name in SLIDERS:
        column = editor.attributes.index(name)
        looks = list(zip(*edited(editor, faces, name), strict=True))  # (V, N)
        images = [torch.cat([look.image for look in row]) for row in looks]
        reported = torch.stack([torch.stack([look.values[column] for look in row]) for row in looks]).clamp(0, 100)
        is_below = (asked < own[:, column])[:, :, None]
        seen = [torch.stack([reader(batch) for batch in images]) for reader in readers]  # (V, N, S)
        for curve, read, base in zip(curves, seen, bases, strict=True):
            curve[name] = torch.cat([torch.where(is_below, read, base), base[None], torch.where(is_below, base, read)])
        measured = judge.values(seen[0])[:, :, judge.column(name)]
        report[name] = calibration(asked.expand_as(measured), measured, (reported - asked).abs() <= MISSED)
        report[name] |= who_is_left(seen[0], judge)
        report[name]["feature_distance"] = feature_distance(judge, unedited, images[0], images[-1])
        distances = [(to_normal(torch.cat([look.z for look in row])) - to_normal(z)).norm(dim=1) for row in looks]
        report[name]["distance"] = torch.stack(distances).median().item()
        print(f"{name:22}" + "  ".join(f"{key} {report[name][key]:.3f}" for key in SHOWN), flush=True)
    return curves, report


def calibration(asked: Tensor, measured: Tensor, is_reached: Tensor) -> dict[str, Any]:
    """Values asked for against the judge's (V, N), where the editor says that they are within reach."""
    x, y = asked[is_reached], measured[is_reached]
    inner = torch.tensor([10 <= value <= 90 for value in VALUES])
    return {
        "asked": list(VALUES),
        "measured": measured.where(is_reached, math.nan).nanmedian(1).values.tolist(),
        "slope": (torch.cov(torch.stack([x, y]))[0, 1] / x.var()).item(),
        "mean_absolute_error": (x - y).abs().mean().item(),
        "within_reach": is_reached[inner].float().mean().item(),
    }


def who_is_left(readings: Tensor, judge: Judge) -> dict[str, Any]:
    """How the faces at the highest value differ from those at the lowest, in what tells people apart."""
    first, last = readings[0], readings[-1]
    tone = judge.column(SKIN_TONE)
    degrees = (last - first)[:, tone].abs() * judge.deviation[tone]
    flips = male_flips(judge, first, last)
    return {
        "male_flips": flips.mean().item(),
        "male_flips_interval": bootstrap([flips]),
        "median_ita_change": degrees.median().item(),
    }


def male_flips(judge: Judge, first: Tensor, last: Tensor) -> Tensor:
    """1 for each face that the judge's readings (N, S) call male in one of two pictures and not in the other, (N,)."""
    column = judge.column("Male")
    is_male, was_male = (readings[:, column] > judge.zero[column] for readings in (last, first))
    return (is_male != was_male).float()


def from_end_to_end(editor: Editor, judge: Judge, z: Tensor, name: str) -> dict[str, Any]:
    """Who is left of many faces when one slider goes from the least to the greatest of `VALUES`."""
    ends = [judge(faces_of(editor, editor.edit(z, {name: float(value)}))) for value in (VALUES[0], VALUES[-1])]
    return {"faces": len(z), **who_is_left(torch.stack(ends), judge)}


def feature_distance(judge: Judge, unedited: Tensor, *edited: Tensor) -> float:
    """How far an edit takes the judge's features, as a share of the way from one random face to another (medians)."""
    start = judge.features(unedited)
    apart = (start - start.roll(1, 0)).norm(dim=1).median()
    return (torch.cat([(judge.features(images) - start).norm(dim=1) for images in edited]).median() / apart).item()


# The comparison -----------------------------------------------------------------------------------


def compare(
    editor: Editor, plain: Editor | None, evaluator: Evaluator, *, faces: int, moved: int, compared: int
) -> dict[str, Any]:
    """`Smiling` on so many `faces`, every slider on those that are `moved`, and on those `compared` beside every rival,
    on the generator that was trained without edits and on ours."""
    z = editor.latents(range(FIRST_SEED, FIRST_SEED + faces))
    sample = faces_of(editor, editor.latents(range(FIT_SEED, FIT_SEED + 2000)))
    judge, own_view = readers = [Judge(one, editor.attributes, sample) for one in (evaluator, editor.classifier)]
    curves, report = ask(editor, readers, z[:moved])
    first = {name: curve[:, :compared] for name, curve in curves[0].items()}
    methods = {
        "ours": summarise(first, judge),
        ALL_MOVED: summarise(curves[0], judge),
        OWN_VIEW: summarise(curves[1], own_view),
    }
    for name, method in methods.items():
        _print_row(name, method)
    agreed = agreement(curves[0], curves[1], judge)
    print(f"correlation of what both networks see leak: {agreed:.2f}")
    smiling = from_end_to_end(editor, judge, z, "Smiling")
    print("Smiling from end to end:", smiling, flush=True)
    nothing = do_nothing(judge, sample)
    for name, change in nothing.items():
        print(f"nobody changed, {name}: {change['change']:.3f}, `Male` flips {change['male_flips']:.3f}", flush=True)
    for suffix, rival in (("", plain), (" on our generator", editor)):
        if rival is None:
            continue
        drawn = rivals.draw(rival, FIT_SEED)
        judge = Judge(evaluator, rival.attributes, faces_of(rival, drawn.z[:2000]))
        for name, edits in rivals.all_edits(rival, drawn).items():
            method = rival_curves(
                rival, judge, rival.latents(range(FIRST_SEED, FIRST_SEED + compared)), edits, name + suffix
            )
            methods[name + suffix] = summarise(method, judge)
            _print_row(name + suffix, methods[name + suffix])
    return {
        "moved": moved,
        "compared": compared,
        "sliders": list(SLIDERS),
        "methods": methods,
        "agreement": agreed,
        "smiling": smiling,
        "do_nothing": nothing,
        "calibration": report,
    }


def edited_distance(editor: Editor, evaluator: Evaluator, real: Tensor, count: int) -> dict[str, float]:
    """Frechet distance to real faces (M, 3, 64, 64), in the evaluator's features, before an edit and after: each
    face is asked for 5 or 95 of one slider."""
    z = editor.latents(range(FIRST_SEED, FIRST_SEED + count))
    asked = [{SLIDERS[i % len(SLIDERS)]: 95.0 if i // len(SLIDERS) % 2 else 5.0} for i in range(count)]
    edited = torch.cat([editor.edit(z[i : i + 1], targets) for i, targets in enumerate(asked)])
    real_features = features(evaluator.features, real)
    return {
        name: frechet_distance(real_features, features(evaluator.features, to_uint8(faces_of(editor, latents))))
        for name, latents in (("unedited", z), ("edited", edited))
    }


def _print_row(name: str, row: dict[str, Any]) -> None:
    low, high = row["interval"]
    print(
        f"{name:44} mean dependency {row['mean_dependency']:.3f} ({low:.3f} to {high:.3f}), "
        f"largest {row['max_dependency']:.3f}"
    )
    for slider, figures in row["sliders"].items():
        print(
            f"    {slider:22} {figures['mean_dependency']:.3f}  largest {figures['max_dependency']:.3f} "
            f"{figures['leaks_into']:20} reached {figures['reached']:.2f}  "
            + "  ".join(f"{other} {value:.2f}" for other, value in figures["identifying"].items()),
            flush=True,
        )


def _without_nan(result: Any) -> Any:
    """For JSON: null where nothing could be measured."""
    if isinstance(result, dict):
        return {name: _without_nan(value) for name, value in result.items()}
    if isinstance(result, list):
        return [_without_nan(value) for value in result]
    return None if isinstance(result, float) and math.isnan(result) else result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=HUB_DATASET, help="Hub id or local folder of CelebA")
    parser.add_argument("--weights", help="folder or Hub id of the editor; the embedded one if not given")
    parser.add_argument("--plain", type=Path, help="generator trained without edits, for the rivals")
    parser.add_argument("--evaluator", type=Path, default=EVALUATOR, help="what judges.py wrote")
    parser.add_argument("--faces", type=int, default=2000, help="faces to ask for a smile, and for none")
    parser.add_argument("--moved", type=int, default=500, help="of these, faces whose every slider is moved")
    parser.add_argument("--compared", type=int, default=32, help="of those, faces that other methods move too")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/editing.json"))
    arguments = parser.parse_args()
    counts = {name: getattr(arguments, name) for name in ("faces", "moved", "compared")}
    if not arguments.faces >= arguments.moved >= arguments.compared > 0:
        parser.error("--faces, --moved and --compared must be positive, and none greater than the one before")

    editor = Editor.from_pretrained(arguments.weights)
    evaluator = load_evaluator(arguments.evaluator)
    plain = None
    if arguments.plain:
        # Not fitted: the rivals fit their own.
        plain = plain_editor(arguments.plain, [name for name in editor.attributes if name != SKIN_TONE])
        plain.classifier = editor.classifier
    result = {"weights": editor.fingerprint(), **compare(editor, plain, evaluator, **counts)}
    held_out = load_faces(arguments.data, "valid").images
    result["frechet_distance"] = edited_distance(editor, evaluator, held_out, arguments.faces)
    print("Frechet distance", result["frechet_distance"])
    arguments.out.write_text(json.dumps(_without_nan(result), indent=1) + "\n")


if __name__ == "__main__":
    main()
