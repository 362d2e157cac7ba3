"""What edits change besides, at equal change of what they move.

Each face is edited by several amounts, and what a reader sees is interpolated between them. What belongs together with
the moved attribute (`COUPLED`) is left out.
"""

import math
import statistics
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity

from expressions.attributes import IDENTIFYING, SKIN_TONE

from .readers import AttributeReader
from .reports import EditorLeaks, SliderLeaks, Unrest

# By slider (A, N, S): the readings of N faces, from the strongest edit down to that up; the middle one is unedited.
Curves = dict[str, Tensor]


def at_change(curve: Tensor, column: int, change: float) -> Tensor:
    """Interpolate edits to where the moved attribute has changed by so much.

    Args:
        curve: (A, N, S), as in `Curves`.
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


def by_one(curve: Tensor, column: int) -> Tensor:
    """Changes (2N, S) of every reading where the moved one rises by 1, then, signs turned, where it falls by 1."""
    return torch.cat([at_change(curve, column, 1.0), -at_change(curve, column, -1.0)])


def leaks_of(curves: Curves, reader: AttributeReader) -> EditorLeaks:
    """Attribute dependency (Wu et al. 2021, arXiv:2011.12799): the mean absolute change, in standard deviations, of
    what an edit of one standard deviation should leave alone."""
    sliders: dict[str, SliderLeaks] = {}
    rows, matrix = [], []
    for name, curve in curves.items():
        held, column = reader.held(name), reader.column(name)
        both = by_one(curve, column)
        there = both[~both[:, column].isnan()]
        leaks = there[:, held].abs().mean(0)
        sliders[name] = {
            "mean_dependency": leaks.mean().item(),
            "max_dependency": leaks.max().item(),
            "leaks_into": reader.names[held[int(leaks.nan_to_num().argmax())]],
            "reached": len(there) / len(both),
            "identifying": {other: there[:, reader.column(other)].abs().mean().item() for other in IDENTIFYING},
        }
        rows.append(both[:, held].abs().mean(1).unflatten(0, (2, -1)))
        matrix.append(there.mean(0).tolist())
    return {
        "mean_dependency": mean(row["mean_dependency"] for row in sliders.values()),
        "interval": bootstrap(torch.stack(rows)),
        "max_dependency": max((row["max_dependency"] for row in sliders.values() if row["reached"]), default=math.nan),
        "sliders": sliders,
        "columns": list(reader.names),
        "matrix": matrix,
    }


def where_all_reach(methods: Sequence[Curves], reader: AttributeReader) -> tuple[list[float], int]:
    """Compare methods over the edits by one standard deviation that all of them reach.

    Returns:
        Mean dependency of each method, NaN where there is no such edit, and the number of these edits.
    """
    leaks: list[list[float]] = [[] for _ in methods]
    count = 0
    for name in methods[0]:
        changes = torch.stack([by_one(curves[name], reader.column(name)) for curves in methods])
        there = ~changes.isnan().any(2).any(0)
        count += int(there.sum())
        for found, change in zip(leaks, changes[:, there], strict=True):
            found.append(change[:, reader.held(name)].abs().mean().item())
    return [mean(found) for found in leaks], count


def mean(values: Iterable[float]) -> float:
    """The mean of those that are not NaN; NaN if there is none."""
    measured = [value for value in values if not math.isnan(value)]
    return statistics.fmean(measured) if measured else math.nan


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


def do_nothing(reader: AttributeReader, images: Tensor) -> dict[str, Unrest]:
    """What a reader sees change in CelebA's attributes where nobody edits: in mirrored faces, and in faces one pixel
    lower."""
    lower = torch.cat([images[:, :, :1], images[:, :, :-1]], 2)
    attributes = slice(0, reader.column(SKIN_TONE))
    base = reader(images)
    seen = {name: reader(changed) for name, changed in (("mirrored", images.flip(3)), ("one pixel lower", lower))}
    return {
        name: {
            "change": (readings - base)[:, attributes].abs().mean().item(),
            "male_flips": reader.flips("Male", base, readings).mean().item(),
        }
        for name, readings in seen.items()
    }


def agreement(curves: Curves, others: Curves, reader: AttributeReader) -> float:
    """How alike two networks see edits leak: the correlation, about 0, of the changes that each sees between the ends
    of the curves in attributes that should stay. What only one of them sees is its own error.

    Skin tone, which no network reads, is left out.
    """
    tone = reader.column(SKIN_TONE)
    held = {name: [column for column in reader.held(name) if column != tone] for name in curves}
    first, second = (
        torch.cat([(curve[-1] - curve[0])[:, held[name]].flatten() for name, curve in seen.items()])
        for seen in (curves, others)
    )
    return cosine_similarity(first, second, dim=0).item()
