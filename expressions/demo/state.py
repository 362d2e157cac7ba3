"""The state of the page, as a link holds it, and how what a visitor gives is read.

A visitor may give anything. The readers here return None for what makes no sense, and the page stays as it was; they
build on the rules of the editor, which raise.
"""

import math
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qsl, urlencode

from ..latents import MAX_ATTEMPTS, checked_attempts, checked_seed

# What a link calls each view, and what the page calls it.
VIEWS = {"face": "Face", "compare": "Compare", "strip": "Filmstrip", "map": "Map", "morph": "Morph", "sheet": "Sheet"}
OPTIONS_OF_VIEW = {"strip": ("strip",), "map": ("across", "down"), "morph": ("to",)}
ATTEMPTS = (1, MAX_ATTEMPTS)  # of which a visitor chooses: varied faces or realistic ones
OPTIONS = ("view", "strip", "across", "down", "to", "attempts")
FIRST_SEED = 0
DECIMALS = 2  # of a value in a link
MAX_LINK = 4000  # characters; the longest of ours has a tenth of them
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?", re.ASCII)


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


def parse_link(query: str, attributes: Collection[str], current: State) -> tuple[State, dict[str, str]]:
    """Read a link. Its targets and attempts replace those of `current`; what else it does not name, or names wrongly,
    stays.

    Args:
        query: such as "seed=7&Smiling=90", with or without a question mark in front.
        attributes: that may be asked for.
        current: what is shown now.

    Returns:
        The state, and the link's fields as they were given.
    """
    fields = dict(parse_qsl(query.lstrip("?"), keep_blank_values=True)) if len(query) <= MAX_LINK else {}
    values = {name: read_value(fields[name]) for name in attributes if name in fields}
    targets = {name: value for name, value in values.items() if value is not None}
    usual = replace(current, attempts=MAX_ATTEMPTS)
    return replace(choose(usual, attributes, fields), targets=targets), fields


def choose(state: State, attributes: Collection[str], given: Mapping[str, object]) -> State:
    """Put the seed and the options that a visitor gave into a state; what makes no sense is left out."""
    known: dict[str, object] = {
        name: given[name] for name in ("strip", "across", "down") if given.get(name) in attributes
    }
    if given.get("view") in tuple(VIEWS):  # a tuple, since what was given may have no hash
        known["view"] = given["view"]
    readers = {"seed": read_seed, "to": read_seed, "attempts": read_attempts}
    numbers = {name: read(given.get(name)) for name, read in readers.items()}
    known |= {name: number for name, number in numbers.items() if number is not None}
    return replace(state, **known)  # type: ignore[arg-type]


def read_seed(given: object) -> int | None:
    """Read a seed, from a number or from the digits of a link; None if it is none."""
    return _read_whole(given, checked_seed)


def read_attempts(given: object) -> int | None:
    """Read a number of attempts, one of `ATTEMPTS`, in the same way."""
    attempts = _read_whole(given, checked_attempts)
    return attempts if attempts in ATTEMPTS else None


def _read_whole(given: object, check: Callable[[object], int]) -> int | None:
    try:
        is_digits = isinstance(given, str) and re.fullmatch(r"\d+", given, re.ASCII)
        return check(int(str(given)) if is_digits else as_whole(given))
    except ValueError:
        return None


def as_whole(given: object) -> object:
    """Take 7.0 for 7, since JSON may write it so; anything else stays as it is."""
    return int(given) if isinstance(given, float) and given.is_integer() else given


def read_value(given: object) -> float | None:
    """Read a slider's value, from a number or from the text of a link; None if it is none.

    It is drawn into 0 to 100 and rounded to what a link can hold.
    """
    number = float(given) if isinstance(given, str) and _NUMBER.fullmatch(given) else given
    if isinstance(number, bool) or not isinstance(number, int | float) or not -math.inf < number < math.inf:
        return None  # NaN is not above -inf
    return round(min(max(0, number), 100), DECIMALS)
