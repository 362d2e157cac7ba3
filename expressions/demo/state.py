"""The state of the page, as JSON and as a link hold it.

A browser may send anything. The readers here return None for what makes no sense, and the usual takes its place; they
build on the rules of the editor, which raise. Links are read by state.js.
"""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

from ..latents import MAX_ATTEMPTS, checked_attempts, checked_seed

# What a link calls each view, and what the page calls it.
VIEWS = {"face": "Face", "compare": "Compare", "strip": "Filmstrip", "map": "Map", "morph": "Morph", "sheet": "Sheet"}
OPTIONS_OF_VIEW = {"strip": ("strip",), "map": ("across", "down"), "morph": ("to",)}
ATTEMPTS = (1, MAX_ATTEMPTS)  # of which a visitor chooses: varied faces or realistic ones
FIRST_SEED = 0
DECIMALS = 2  # of a value in a link


@dataclass(frozen=True)
class State:
    """What the page shows."""

    seed: int = FIRST_SEED
    targets: Mapping[str, float] = field(default_factory=dict)  # values asked for, by attribute
    view: str = "face"  # one of VIEWS
    strip: str = "Smiling"  # attribute of the filmstrip
    across: str = "Smiling"  # attribute of the map's horizontal axis
    down: str = "Male"  # attribute of its vertical axis
    to: int = FIRST_SEED + 1  # seed that the morph goes to
    attempts: int = MAX_ATTEMPTS  # of every seed at a sound face; 1 is the plain draw

    def link(self, weights: str) -> str:
        """Write the query that brings this state back, with the options that its view has, and without what is usual.

        Args:
            weights: the fingerprint of the editor.
        """
        fields: dict[str, object] = {"seed": self.seed, **{name: f"{value:g}" for name, value in self.targets.items()}}
        if self.attempts != MAX_ATTEMPTS:
            fields["attempts"] = self.attempts
        if self.view != "face":
            options = OPTIONS_OF_VIEW.get(self.view, ())
            fields |= {"view": self.view, **{name: getattr(self, name) for name in options}}
        return "?" + urlencode(fields | {"weights": weights})


def first_state(attributes: Sequence[str]) -> State:
    """What a visitor sees first, where these attributes have sliders."""
    first, last = ("Smiling", "Male") if {"Smiling", "Male"} <= set(attributes) else (attributes[0], attributes[-1])
    return State(strip=first, across=first, down=last)


def read_state(given: object, attributes: Collection[str]) -> State:
    """Read a face that a browser asks for, and where a morph of it goes. No picture depends on the rest of a state.

    Args:
        given: the state as JSON.
        attributes: that may be asked for.
    """
    fields: Mapping[Any, Any] = given if isinstance(given, dict) else {}
    asked = fields.get("targets")
    values = {name: read_value(asked.get(name)) for name in attributes} if isinstance(asked, dict) else {}
    targets = {name: value for name, value in values.items() if value is not None}
    readers = {"seed": read_seed, "to": read_seed, "attempts": read_attempts}
    numbers = {name: read(fields.get(name)) for name, read in readers.items()}
    known: dict[str, Any] = {name: number for name, number in numbers.items() if number is not None}
    return replace(State(targets=targets), **known)


def read_seed(given: object) -> int | None:
    """Read a seed; None if it is none."""
    return _read_whole(given, checked_seed)


def read_attempts(given: object) -> int | None:
    """Read a number of attempts, one of `ATTEMPTS`; None if it is none."""
    attempts = _read_whole(given, checked_attempts)
    return attempts if attempts in ATTEMPTS else None


def _read_whole(given: object, check: Callable[[object], int]) -> int | None:
    try:
        return check(as_whole(given))
    except ValueError:
        return None


def as_whole(given: object) -> object:
    """Take 7.0 for 7, since JSON may write it so; anything else stays as it is."""
    return int(given) if isinstance(given, float) and given.is_integer() else given


def read_value(given: object) -> float | None:
    """Read a slider's value, drawn into 0 to 100 and rounded to what a link can hold; None if it is none."""
    if isinstance(given, bool) or not isinstance(given, int | float) or not -math.inf < given < math.inf:
        return None  # NaN is not above -inf
    return round(min(max(0, given), 100), DECIMALS)
