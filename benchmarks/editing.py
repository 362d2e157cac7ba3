"""Whether a slider changes what it names and nothing else, and shows its value: judged by a network that edits nothing.

The judge is the evaluator of judges.py (another architecture, other people, another augmentation than anything the
editor was made with), the typology angle of the cheeks and their lightness. Methods are compared at equal change of
the moved attribute as the judge sees it, face by face: each face is edited by several amounts, and what the judge
reads is interpolated between them. What belongs together with the moved attribute (`COUPLED`) is left out. What the
editor's own classifier sees of the same edits stands beside: the gap is what the editor fools itself about.

Every slider of `--faces` is moved, and on the first `--compared` of them by every other method, too.

    PYTHONPATH=. python benchmarks/editing.py --data DATA --plain benchmarks/plain.safetensors

Prints a table. Writes JSON for the page and the card.
"""

import math
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import rivals
import torch
from judges import Evaluator, load_evaluator, measured_on, parser_of_judgements, plain_editor
from reports import write_report
from torch import Tensor
from torch.nn.functional import cosine_similarity
from tqdm.auto import tqdm

from expressions import Editor
from expressions.attributes import IDENTIFYING, SKIN_TONE, SLIDERS, free_to_change
from expressions.editor import Look
from expressions.images import to_uint8
from expressions.latents import to_normal
from expressions.networks.classifier import AttributeClassifier, predict
from expressions.skin import cheek_lab, typology_angle
from expressions.training.data import load_faces
from expressions.training.metrics import frechet_distance

FIRST_SEED = 2_000_000  # no fit draws seeds from here on
FIT_SEED = 3_000_000  # but the rivals', from here on
DRAWN = 2000  # faces of a Frechet distance, and those that set a judge's scale
AMOUNTS = (-3.0, -2.0, -1.2, -0.6, 0.0, 0.6, 1.2, 2.0, 3.0)  # a rival's edits, in standard deviations it expects
VALUES = (5, 20, 35, 50, 65, 80, 95)  # asked of this project's sliders
CHANGES = (-2.0, -1.5, -1.0, -0.5, 0.5, 1.0, 1.5, 2.0)  # standard deviations as the judge sees them
ALL_FACES = "ours, all faces"
OWN_VIEW = "ours, by its own classifier"
ON_OURS = " on our generator"  # ends the name of a rival that works on it
MISSED = 3.0  # points by which the editor's own reading may miss a value that is within reach
LIGHTNESS = "L*"
TAN = 28.0  # degrees: skin of a lesser typology angle is tan, brown or dark (Chardon et al. 1991)
SHOWN = (
    "slope",
    "mean_absolute_error",
    "within_reach",
    "male_flips",
    "sure_male_flips",
    "skin_flips",
    "median_ita_change",
    "feature_distance",
)

Item = TypeVar("Item")
Result = TypeVar("Result")
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
        border = torch.zeros_like(self.mean)  # where a logit says neither yes nor no
        border[self.column(SKIN_TONE)] = TAN
        self.border = self._standardise(border)
        unrest = (self(faces.flip(3)) - self._standardise(raw)).abs()
        self.unrest = unrest.quantile(0.95, dim=0)  # by what a reading may change where nothing does

    @torch.no_grad()
    def _read(self, images: Tensor) -> Tensor:
        rows = []
        for part in images.split(250):
            lab = cheek_lab(part)
            rows.append(torch.cat([self.evaluator(part), typology_angle(lab)[:, None], lab[:, :1]], 1))
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
        free = free_to_change([name]) | {LIGHTNESS}
        return [column for column, other in enumerate(self.names) if other not in free]


def faces_of(editor: Editor, z: Tensor) -> Tensor:
    return torch.cat([editor.synthesize(part) for part in z.split(250)])


def both_judges(editor: Editor, evaluator: Evaluator) -> tuple[list[Judge], Tensor]:
    """The judge and the editor's own classifier in its place, and the unedited faces (N, 3, 64, 64) that scale both."""
    sample = faces_of(editor, editor.latents(range(FIT_SEED, FIT_SEED + DRAWN)))
    return [Judge(one, editor.attributes, sample) for one in (evaluator, editor.classifier)], sample


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
        both = by_one(curve, column)
        there = both[~both[:, column].isnan()]
        leaks = there[:, held].abs().mean(0)
        rows.append(both[:, held].abs().mean(1).unflatten(0, (2, -1)))
        matrix.append(there.mean(0).tolist())
        sliders[name] = {
            "mean_dependency": leaks.mean().item(),
            "max_dependency": leaks.max().item(),
            "leaks_into": judge.names[held[int(leaks.nan_to_num().argmax())]],
            "reached": len(there) / len(both),
            "identifying": {other: there[:, judge.column(other)].abs().mean().item() for other in IDENTIFYING},
            "by_change": {str(change): _dependency(curve, judge, name, change) for change in CHANGES},
        }
        sliders[name]["preservation"] = area_of_preservation(sliders[name]["by_change"])
    return {
        "mean_dependency": _mean(slider["mean_dependency"] for slider in sliders.values()),
        "interval": bootstrap(torch.stack(rows)),
        "max_dependency": max((row["max_dependency"] for row in sliders.values() if row["reached"]), default=math.nan),
        "preservation": _mean(slider["preservation"] for slider in sliders.values()),
        "sliders": sliders,
        "columns": list(judge.names),
        "matrix": matrix,
    }


def by_one(curve: Tensor, column: int) -> Tensor:
    """Changes (2N, S) of every reading where the moved one rises by 1, then, signs turned, where it falls by 1."""
    return torch.cat([at_change(curve, column, 1.0), -at_change(curve, column, -1.0)])


def where_all_reach(methods: Sequence[Curves], judge: Judge) -> tuple[list[float], int]:
    """Compare methods over the edits by one standard deviation that all of them reach.

    Returns:
        Mean dependency of each method, NaN where there is no such edit, and the number of these edits.
    """
    leaks: list[list[float]] = [[] for _ in methods]
    count = 0
    for name in methods[0]:
        changes = torch.stack([by_one(curves[name], judge.column(name)) for curves in methods])
        there = ~changes.isnan().any(2).any(0)
        count += int(there.sum())
        for found, change in zip(leaks, changes[:, there], strict=True):
            found.append(change[:, judge.held(name)].abs().mean().item())
    return [_mean(found) for found in leaks], count


def area_of_preservation(by_change: dict[str, float]) -> float:
    """Area under preservation, which is 1 less the dependency, against the change of the moved attribute, from none to
    the greatest of `CHANGES`, as a share of the area where nothing else changes."""
    changes = sorted({abs(change) for change in CHANGES})
    kept = [1 - _mean(by_change[str(sign * change)] for sign in (1, -1)) for change in changes]
    return torch.trapezoid(torch.tensor([1.0, *kept]), torch.tensor([0.0, *changes])).item() / changes[-1]


def _dependency(curve: Tensor, judge: Judge, name: str, change: float) -> float:
    rows = at_change(curve, judge.column(name), change)
    return rows[~rows.isnan().any(1)][:, judge.held(name)].abs().mean().item()


def _mean(values: Any) -> float:
    return torch.tensor([value for value in values if not math.isnan(value)]).mean().item()


def bootstrap(groups: Tensor, draws: int = 500) -> list[float]:
    """95 % interval of the mean of the groups' means, the faces drawn anew with replacement, the same for all groups.

    Args:
        groups: (G, E, N), from E edits of N faces each; NaN where there is nothing to count.
        draws: how often.
    """
    faces = groups.shape[-1]
    index = torch.randint(faces, (draws, faces), generator=torch.Generator().manual_seed(0))
    means = torch.stack([group[:, index].nanmean((0, 2)) for group in groups])  # (G, draws)
    return means.nanmean(0).quantile(means.new_tensor([0.025, 0.975])).tolist()


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
        figures[name] = {"change": change, "male_flips": flips(judge, "Male", base, readings).mean().item()}
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
    """Every face with a slider at each of `VALUES`."""

    def of_one(face: Look) -> list[Look]:
        return [editor.follow(face, {name: float(value)}) for value in VALUES]

    return in_threads(of_one, faces, name)


def in_threads(edit: Callable[[Item], Result], items: Sequence[Item], title: str) -> list[Result]:
    """An edit of each item, in a thread for each core."""
    with ThreadPoolExecutor(os.cpu_count(), initializer=torch.set_num_threads, initargs=(1,)) as pool:
        return list(tqdm(pool.map(edit, items), desc=title, total=len(items), leave=False))


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
        report[name] |= who_is_left(bases[0], seen[0], judge)
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


def who_is_left(base: Tensor, readings: Tensor, judge: Judge) -> dict[str, Any]:
    """How the faces at the highest value differ from those at the lowest, in what tells people apart.

    The judge is sure of a face that reads farther from the border than mirroring takes 95 % of all faces.

    Args:
        base: (N, S) readings of the unedited faces.
        readings: (V, N, S), from the lowest value to the highest.
        judge: who read them.
    """
    first, last = readings[0], readings[-1]
    tone, male = judge.column(SKIN_TONE), judge.column("Male")
    degrees = (last - first)[:, tone].abs() * judge.deviation[tone]
    male_flips = flips(judge, "Male", first, last)
    is_sure = (base - judge.border)[:, male].abs() > judge.unrest[male]
    return {
        "male_flips": male_flips.mean().item(),
        "male_flips_interval": bootstrap(male_flips[None, None]),
        "sure": is_sure.float().mean().item(),
        "sure_male_flips": male_flips[is_sure].mean().item(),
        "sure_male_flips_interval": bootstrap(male_flips.where(is_sure, math.nan)[None, None]),
        "skin_flips": flips(judge, SKIN_TONE, first, last).mean().item(),
        "median_ita_change": degrees.median().item(),
    }


def flips(judge: Judge, name: str, first: Tensor, last: Tensor) -> Tensor:
    """1 for each face whose readings (N, S) of an attribute lie on one side of its border in one of two pictures and on
    the other in the other, (N,)."""
    is_above, was_above = ((readings - judge.border)[:, judge.column(name)] > 0 for readings in (last, first))
    return (is_above != was_above).float()


def feature_distance(judge: Judge, unedited: Tensor, *edited: Tensor) -> float:
    """How far an edit takes the judge's features, as a share of the way from one random face to another (medians)."""
    start = judge.features(unedited)
    apart = (start - start.roll(1, 0)).norm(dim=1).median()
    return (torch.cat([(judge.features(images) - start).norm(dim=1) for images in edited]).median() / apart).item()


# The comparison -----------------------------------------------------------------------------------


def compare(editor: Editor, plain: Editor | None, evaluator: Evaluator, faces: int, compared: int) -> dict[str, Any]:
    """Every slider of so many `faces`; those `compared` beside every rival too, on the generator that was trained
    without edits and on ours."""
    z = editor.latents(range(FIRST_SEED, FIRST_SEED + faces))
    readers, sample = both_judges(editor, evaluator)
    judge, own_view = readers
    curves, report = ask(editor, readers, z)
    ours = {name: curve[:, :compared] for name, curve in curves[0].items()}
    methods = {
        "ours": summarise(ours, judge),
        ALL_FACES: summarise(curves[0], judge),
        OWN_VIEW: summarise(curves[1], own_view),
    }
    for name, method in methods.items():
        _print_row(name, method)
    agreed = agreement(curves[0], curves[1], judge)
    print(f"correlation of what both networks see leak: {agreed:.2f}")
    nothing = do_nothing(judge, sample)
    for name, change in nothing.items():
        print(f"nobody changed, {name}: {change['change']:.3f}, `Male` flips {change['male_flips']:.3f}", flush=True)
    for suffix, rival in (("", plain), (ON_OURS, editor)):
        if rival is None:
            continue
        drawn = rivals.draw(rival, FIT_SEED)
        judge = Judge(evaluator, rival.attributes, faces_of(rival, drawn.z[:DRAWN]))
        several = {} if rival is plain else {"ours": ours}  # to be compared where all reach
        for name, edits in rivals.all_edits(rival, drawn).items():
            title = name + suffix
            method = rival_curves(rival, judge, z[:compared], edits, title)
            methods[title] = summarise(method, judge)
            _print_row(title, methods[title])
            if name != rivals.CONTROL:
                several[title] = method
        leaks, edits_shared = where_all_reach(list(several.values()), judge)
        for name, leak in zip(several, leaks, strict=True):
            methods[name]["where_all_reach"] = {"mean_dependency": leak, "edits": edits_shared}
            print(f"{edits_shared} edits that all reach, {name}: {leak:.3f}", flush=True)
    return {
        "faces": faces,
        "compared": compared,
        "sliders": list(SLIDERS),
        "methods": methods,
        "agreement": agreed,
        "do_nothing": nothing,
        "calibration": report,
    }


def each_edited(editor: Editor, z: Tensor) -> Tensor:
    """Latents (N, 100), each edited to 5 or 95 of one slider."""

    def edit(i: int) -> Tensor:
        value = 95.0 if i // len(SLIDERS) % 2 else 5.0
        return editor.edit(z[i : i + 1], {SLIDERS[i % len(SLIDERS)]: value})

    return torch.cat(in_threads(edit, range(len(z)), "Frechet distance"))


def distance(editor: Editor, evaluator: Evaluator, z: Tensor, real: Tensor) -> float:
    """Frechet distance of the faces of z to real ones, of which the evaluator's features (M, 192) are given."""
    return frechet_distance(real, predict(evaluator.features, to_uint8(faces_of(editor, z))))


def _print_row(name: str, row: dict[str, Any]) -> None:
    low, high = row["interval"]
    print(
        f"{name:44} mean dependency {row['mean_dependency']:.3f} ({low:.3f} to {high:.3f}), "
        f"largest {row['max_dependency']:.3f}, preservation {row['preservation']:.3f}"
    )
    for slider, figures in row["sliders"].items():
        print(
            f"    {slider:22} {figures['mean_dependency']:.3f}  largest {figures['max_dependency']:.3f} "
            f"{figures['leaks_into']:20} reached {figures['reached']:.2f}  "
            + "  ".join(f"{other} {value:.2f}" for other, value in figures["identifying"].items()),
            flush=True,
        )


def main() -> None:
    parser = parser_of_judgements(__doc__)
    parser.add_argument("--plain", type=Path, help="generator trained without edits, for the rivals")
    parser.add_argument("--faces", type=int, default=2000, help="faces whose every slider is moved")
    parser.add_argument("--compared", type=int, default=32, help="of these, faces that other methods move too")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/editing.json"))
    arguments = parser.parse_args()
    if not arguments.faces >= arguments.compared > 0:
        parser.error("--compared must be positive, and --faces no less")

    editor = Editor.from_pretrained(arguments.weights)
    evaluator = load_evaluator(arguments.evaluator)
    plain = None
    if arguments.plain:
        # Not fitted: the rivals fit their own.
        plain = plain_editor(arguments.plain, [name for name in editor.attributes if name != SKIN_TONE])
        plain.classifier = editor.classifier
    real = predict(evaluator.features, load_faces(arguments.data, "valid").images)
    result: dict[str, Any] = measured_on(editor, arguments.evaluator)
    result |= compare(editor, plain, evaluator, arguments.faces, arguments.compared)
    z = editor.latents(range(FIRST_SEED, FIRST_SEED + DRAWN))
    rows = {"unedited": z, "edited": each_edited(editor, z)}
    distances = {name: distance(editor, evaluator, latents, real) for name, latents in rows.items()}
    result["fd_evaluator"] = {"faces": DRAWN} | distances
    print("Frechet distance in the judge's features:", result["fd_evaluator"])
    write_report(result, arguments.out)


if __name__ == "__main__":
    main()
