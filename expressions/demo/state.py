"""What the page shows, as a link holds it: the face, what is asked of it, and how it is looked at."""

import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qsl, urlencode

from ..latents import MAX_SEED

# What a link calls each view, and what the page calls it.
VIEWS = {"face": "Face", "compare": "Compare", "strip": "Filmstrip", "map": "Map", "morph": "Morph", "sheet": "Sheet"}
FIRST_SEED = 4
DECIMALS = 2  # of a value in a link
_MAX_LINK = 4000  # characters: no link of ours is longer
_ATTRIBUTE_FIELDS = ("strip", "across", "down")


@dataclass(frozen=True)
class State:
    """One state of the page.

    Args:
        seed: of the face.
        targets: what is asked of it, by attribute.
        view: one of `VIEWS`.
        strip: attribute of the filmstrip.
        across: attribute of the map's horizontal axis.
        down: attribute of its vertical axis.
        to: seed that the morph goes to.
    """

    seed: int = FIRST_SEED
    targets: Mapping[str, float] = field(default_factory=dict)
    view: str = "face"
    strip: str = "Smiling"
    across: str = "Smiling"
    down: str = "Male"
    to: int = FIRST_SEED + 1

    def link(self, weights: str) -> str:
        """The query that brings this state back, as far as its view needs it."""
        fields: dict[str, object] = {"seed": self.seed, **{name: f"{value:g}" for name, value in self.targets.items()}}
        shown = {"strip": ("strip",), "map": ("across", "down"), "morph": ("to",)}.get(self.view, ())
        if self.view != "face":
            fields |= {"view": self.view, **{name: getattr(self, name) for name in shown}}
        return "?" + urlencode(fields | {"weights": weights})


def first_state(attributes: Sequence[str]) -> State:
    """What a visitor sees first, with the views' options among these attributes."""
    first, last = ("Smiling", "Male") if {"Smiling", "Male"} <= set(attributes) else (attributes[0], attributes[-1])
    return State(strip=first, across=first, down=last)


def parse_link(query: str, attributes: Collection[str], current: State) -> tuple[State, dict[str, str]]:
    """Read a link; what it does not name, or names wrongly, stays as in `current`, but for the targets.

    Args:
        query: such as "seed=7&Smiling=90", with or without a question mark in front.
        attributes: that may be asked for.
        current: what is shown now.

    Returns:
        The state, and the link's fields as they were given.
    """
    fields = dict(parse_qsl(query.lstrip("?"), keep_blank_values=True)) if len(query) <= _MAX_LINK else {}
    values = {name: as_value(_number(fields[name])) for name in attributes if name in fields}
    known: dict[str, object] = {name: fields[name] for name in _ATTRIBUTE_FIELDS if fields.get(name) in attributes}
    if fields.get("view") in VIEWS:
        known["view"] = fields["view"]
    for name in ("seed", "to"):
        if (seed := read_seed(fields.get(name, ""))) is not None:
            known[name] = seed
    targets = {name: value for name, value in values.items() if value is not None}
    return replace(current, targets=targets, **known), fields  # type: ignore[arg-type]


def choose(state: State, attributes: Sequence[str], **chosen: object) -> State:
    """Put a visitor's choices into a state; one that is none is ignored."""
    known: dict[str, object] = {name: chosen[name] for name in _ATTRIBUTE_FIELDS if chosen.get(name) in attributes}
    if chosen.get("view") in tuple(VIEWS):  # it may be unhashable
        known["view"] = chosen["view"]
    if (to := as_seed(chosen.get("to"))) is not None:
        known["to"] = to
    return replace(state, **known)  # type: ignore[arg-type]


def read_seed(text: str) -> int | None:
    """Read a seed from a link; None if it is none."""
    return as_seed(_number(text)) if text.isascii() and text.isdecimal() else None


def as_seed(given: object) -> int | None:
    """Read a seed that a visitor gave; None if it is none."""
    number = _finite(given)
    return int(number) if number is not None and 0 <= number <= MAX_SEED and number == int(number) else None


def as_value(given: object) -> float | None:
    """Read a slider's value, drawn into 0 to 100, to `DECIMALS`; None if it is no number."""
    number = _finite(given)
    return None if number is None else round(min(max(0, number), 100), DECIMALS)


def _finite(given: object) -> float | None:
    if isinstance(given, bool) or not isinstance(given, int | float):
        return None
    return None if isinstance(given, float) and not math.isfinite(given) else given


def _number(text: str) -> float | None:
    """Read a number from a link; None if it is none."""
    try:
        return float(text) if re.fullmatch(r"[-+.\de]+", text, re.ASCII) else None
    except ValueError:
        return None
