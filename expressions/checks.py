"""Checks of what a caller gives; each lets it through, or says in one sentence what is allowed."""

from collections.abc import Mapping, Sequence
from numbers import Real

import numpy as np
from torch import Tensor


def checked_whole(number: object, name: str, least: int, most: int) -> int:
    """Let a whole number of a range through; True and 7.0 are none.

    Raises:
        ValueError: it is none.
    """
    if isinstance(number, bool) or not isinstance(number, int | np.integer) or not least <= number <= most:
        raise ValueError(f"{name} must be a whole number from {least} to {most}, got {number!r:.40}")
    return int(number)


def checked_tensor(tensor: Tensor, name: str, *shape: int) -> Tensor:
    """Let a floating-point tensor (N, *shape) of numbers in [-1, 1] through.

    Raises:
        ValueError: it is no tensor, or has another type, another shape or other numbers.
    """
    expected = f"a floating-point tensor of shape (N, {', '.join(map(str, shape))})"
    if not isinstance(tensor, Tensor) or not tensor.is_floating_point():
        kind = tensor.dtype if isinstance(tensor, Tensor) else type(tensor).__name__
        raise ValueError(f"{name} must be {expected}, got {kind}")
    if tensor.shape[1:] != shape:
        raise ValueError(f"{name} must be {expected}, got shape {tuple(tensor.shape)}")
    outside = tensor[~(tensor.abs() <= 1)]  # NaN is outside too
    if len(outside):
        raise ValueError(f"{name} must hold numbers from -1 to 1, got {outside[0].item()}")
    return tensor


def checked_name(name: str, attributes: Sequence[str], argument: str) -> str:
    """Let the name of one of some attributes through; errors call it `argument`.

    Raises:
        ValueError: it is none of them.
    """
    if name not in attributes:
        raise ValueError(f"{argument}: unknown attribute {name!r:.40}; choose from {', '.join(attributes)}")
    return name


def checked_values(values: Mapping[str, float], attributes: Sequence[str], argument: str) -> dict[str, float]:
    """Let values from 0 to 100 of some of these attributes through, as floats; errors call them `argument`.

    Raises:
        ValueError: they are no values by name, or a name or value is none.
    """
    if not isinstance(values, Mapping):
        found = type(values).__name__
        raise ValueError(f"{argument} must be values by name, such as {{'Smiling': 90}}, got {found}")
    for name, value in values.items():
        checked_name(name, attributes, argument)
        if isinstance(value, bool) or not isinstance(value, Real) or not 0 <= value <= 100:  # NaN fails too
            raise ValueError(f"{argument}[{name!r}] must be a number from 0 to 100, got {value!r:.40}")
    return {name: max(0.0, float(value)) for name, value in values.items()}  # -0.0 becomes 0.0
