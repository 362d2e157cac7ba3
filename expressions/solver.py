"""solver."""

import torch
from torch import Tensor

MAX_STEPS = 6  # of an edit: each moves by what is still missing, and measures the picture
_MAX_DISTANCE = 6.0  # how far an edit may take u; random faces lie 14 apart
_HELD_SHARE = 0.5  # of the drift of one of `IDENTIFYING`, unless it is named or coupled, that a step corrects
_TOLERANCE = 1.0  # an edit whose values are this close to the targets has arrived
_SAME = 0.5  # a face whose values are this close to the targets is not edited: a slider shows whole numbers


# Solving ------------------------------------------------------------------------------------------


def damped_solve(matrix: Tensor, missing: Tensor) -> Tensor:
    """Least squares of matrix @ x = missing, damped by a hundredth of the mean square of the matrix's columns
    (Levenberg 1944), so that targets that contradict each other share the step instead of blowing it up.

    Args:
        matrix: (T, T).
        missing: (T,).

    Returns:
        x (T,).
    """
    damping = matrix.square().sum(0).mean() / 100 + 1e-6
    normal = matrix.T @ matrix + damping * torch.eye(len(missing)).to(matrix)
    return torch.linalg.solve(normal, matrix.T @ missing)


def _within_reach(amounts: Tensor, directions: Tensor) -> Tensor:
    """Shorten steps (T,) along directions (T, 100) so that u moves by no more than `_MAX_DISTANCE`."""
    return amounts * (_MAX_DISTANCE / (amounts @ directions).norm().clamp_min(_MAX_DISTANCE))


def _missing(goal: Tensor, values: Tensor) -> Tensor:
    """What values lack of their goals: nothing where they lie beyond the end of the scale that they are to show."""
    shown = ((goal == 0) & (values < 0)) | ((goal == 100) & (values > 100))
    return (goal - values).masked_fill(shown, 0.0)


def _greatest(errors: Tensor) -> float:
    return errors.abs().max().item() if len(errors) else 0.0
