"""What edits change besides, at equal change of what they move.

Each face is edited by several amounts, and what a reader sees is interpolated between them. What belongs together with
the moved attribute (`COUPLED`) is left out.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from expressions.attributes import SKIN_TONE

from .readers import AttributeReader
from .reports import EditorLeaks, Unrest

# By slider (A, N, S): the readings of N faces, from the strongest edit down to that up; the middle one is unedited.
Curves = dict[str, Tensor]
# By slider (2N, S): the changes of every reading by an edit of one standard deviation, as in `by_one`.
Changes = dict[str, Tensor]


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


def changes_of(curves: Curves, reader: AttributeReader) -> Changes:
    """The edits of each slider by one standard deviation; NaN where a face does not get there."""
    return {name: by_one(curve, reader.column(name)) for name, curve in curves.items()}


def where_all_reach(methods: Sequence[Changes]) -> list[Changes]:
    """The same edits of each method, NaN but for those that all of them reach."""
    there = {name: ~torch.stack([changes[name] for changes in methods]).isnan().any(2).any(0) for name in methods[0]}
    return [
        {name: change.where(there[name][:, None], math.nan) for name, change in changes.items()} for changes in methods
    ]


def leaks_of(changes: Changes, reader: AttributeReader) -> EditorLeaks:
    """Attribute dependency (Wu et al. 2021, arXiv:2011.12799): the mean absolute change, in standard deviations, of
    what an edit of one standard deviation should leave alone."""
    others = {name: change[:, reader.held(name)].abs() for name, change in changes.items()}  # (2N, held)
    means = {name: change.nanmean(0).nan_to_num() for name, change in others.items()}
    slider = max(means, key=lambda name: means[name].max())
    column = reader.held(slider)[int(means[slider].argmax())]
    edits = sum(int((~change[:, 0].isnan()).sum()) for change in changes.values())
    return {
        "edits": edits,
        "mean_dependency": torch.stack([change.nanmean().double() for change in others.values()]).nanmean().item(),
        "interval": bootstrap(torch.stack([change.mean(1).unflatten(0, (2, -1)) for change in others.values()])),
        "max_dependency": means[slider].max().item() if edits else math.nan,
        "largest": [slider, reader.names[column]],
        "columns": list(reader.names),
        "matrix": [change.nanmean(0).tolist() for change in changes.values()],
    }


def bootstrap(groups: Tensor) -> list[float]:
    """95 % interval of the mean of the groups' means, the faces drawn anew with replacement, the same for all groups.

    Args:
        groups: (G, E, N), from E edits of N faces each; NaN where there is nothing to count.
    """
    faces = groups.shape[-1]
    index = torch.randint(faces, (500, faces), generator=torch.Generator().manual_seed(0))
    means = torch.stack([group[:, index].nanmean((0, 2)) for group in groups])  # (G, 500)
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
