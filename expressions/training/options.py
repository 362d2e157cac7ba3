"""Options: frozen dataclasses whose fields give the command line its flags, defaults and help."""

import argparse
import operator
import sys
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar, get_args


@dataclass(frozen=True, kw_only=True)
class Allowed:
    """The values that an option allows."""

    choices: tuple[Any, ...] | None = None
    above: float | None = None
    least: float | None = None
    most: float | None = None
    below: float | None = None
    paths: bool = False  # one value, or several separated by commas

    def wanted(self, value: Any) -> str | None:
        """What a value should have been; None if it is right."""
        if self.choices and value not in self.choices:
            return f"one of {', '.join(map(str, self.choices))}"
        if self.paths and not all(split_paths(value)):
            return "values separated by commas, none of them empty"
        if value == "":
            return "something, not empty"
        for words, bound, holds in (
            ("a number above", self.above, operator.gt),
            ("a number of at least", self.least, operator.ge),
            ("at most", self.most, operator.le),
            ("below", self.below, operator.lt),
        ):
            # The largest float bounds every number: infinity passes for none, nor does an integer beyond all floats.
            if bound is not None and not (holds(value, bound) and value <= sys.float_info.max):
                return f"{words} {bound}"
        return None


def option(default: Any, text: str, **allowed: Any) -> Any:
    """A field of `Options`: its default, its help and what it allows, as for `Allowed`; None is allowed everywhere."""
    return field(default=default, metadata={"help": text, "allowed": Allowed(**allowed)})


@dataclass(frozen=True, kw_only=True)
class Options:
    """Options, each a field made by `option`.

    Raises:
        ValueError: a value is not allowed; the option, what it allows and the value are named.
    """

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            wanted = None if value is None else item.metadata["allowed"].wanted(value)
            if wanted:
                raise ValueError(f"{item.name} must be {wanted}, got {value!r}")


def split_paths(given: str | None) -> list[str]:
    """The paths of an option that separates them by commas."""
    return [] if given is None else [path.strip() for path in given.split(",")]


def add_flags(parser: argparse.ArgumentParser, options: type[Options]) -> None:
    """Give the parser one flag for each field: `batch_size` becomes `--batch-size`."""
    for item in fields(options):
        flag, text = "--" + item.name.replace("_", "-"), item.metadata["help"]
        kind, *_ = get_args(item.type) or (item.type,)  # int, of int | None
        if kind is bool:
            parser.add_argument(flag, action=argparse.BooleanOptionalAction, default=item.default, help=text)
            continue
        shown = text if item.default is None else f"{text} (default: {item.default})"
        choices = item.metadata["allowed"].choices
        parser.add_argument(flag, type=kind, default=item.default, choices=choices, help=shown)


SomeOptions = TypeVar("SomeOptions", bound=Options)


def from_flags(options: type[SomeOptions], arguments: argparse.Namespace) -> SomeOptions:
    """Build the options from parsed flags."""
    return options(**{item.name: getattr(arguments, item.name) for item in fields(options)})
