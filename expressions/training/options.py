"""Options: frozen dataclasses whose fields give the command line its flags, defaults and help."""

import argparse
import dataclasses
import sys
import types
import typing
from dataclasses import field
from typing import Any, TypeVar

Options = TypeVar("Options")


def option(
    default: Any,
    text: str,
    *,
    choices: tuple[Any, ...] = (),
    above: float | None = None,
    least: float | None = None,
    most: float | None = None,
    paths: bool = False,
) -> Any:
    """A dataclass field with its default, its help text and what values it allows."""
    allowed = {"choices": choices, "above": above, "least": least, "most": most, "paths": paths}
    return field(default=default, metadata={"help": text, **allowed})


def check(options: Any) -> None:
    """Reject values that a field's `choices`, `above`, `least` or `most` exclude, and empty ones, among `paths` too.

    Raises:
        ValueError: telling the value and what is allowed.
    """
    for item in dataclasses.fields(options):
        value = getattr(options, item.name)
        choices, above, least, most = (item.metadata[name] for name in ("choices", "above", "least", "most"))
        if choices and value not in choices:
            raise ValueError(f"{item.name} must be one of {', '.join(map(str, choices))}, got {value!r}")
        if value is None:
            continue
        if above is not None and not above < value <= sys.float_info.max:
            raise ValueError(f"{item.name} must be a number above {above:g}, got {value!r}")
        if least is not None and not least <= value <= sys.float_info.max:
            raise ValueError(f"{item.name} must be a number of at least {least:g}, got {value!r}")
        if most is not None and not value <= most:
            raise ValueError(f"{item.name} must be at most {most}, got {value!r}")
        if item.metadata["paths"]:
            split_paths(value)
        elif value == "":
            raise ValueError(f"{item.name} must not be empty")


def add_flags(parser: argparse.ArgumentParser, options: type) -> None:
    """Give the parser one flag for each field: `batch_size` becomes `--batch-size`."""
    hints = typing.get_type_hints(options)
    for item in dataclasses.fields(options):
        flag, text = "--" + item.name.replace("_", "-"), item.metadata["help"]
        if hints[item.name] is bool:
            parser.add_argument(flag, action=argparse.BooleanOptionalAction, default=item.default, help=text)
            continue
        shown = text if item.default is None else f"{text} (default: {item.default})"
        parser.add_argument(
            flag,
            type=_plain_type(hints[item.name]),
            default=item.default,
            choices=item.metadata["choices"] or None,
            metavar=None if item.metadata["choices"] else item.name.upper(),
            help=shown,
        )


def from_flags(options: type[Options], arguments: argparse.Namespace) -> Options:
    """Build the options from parsed flags."""
    names = [item.name for item in dataclasses.fields(options)]  # type: ignore[arg-type]
    return options(**{name: getattr(arguments, name) for name in names})


def split_paths(given: str | None) -> list[str]:
    """The paths of an option, which separates them by commas.

    Raises:
        ValueError: one of them is empty.
    """
    paths = [] if given is None else [path.strip() for path in given.split(",")]
    if not all(paths):
        raise ValueError(f"paths must be separated by commas, and none empty, got {given!r}")
    return paths


def _plain_type(hint: Any) -> Any:
    """int from `int | None`."""
    if isinstance(hint, types.UnionType):
        (hint,) = (part for part in typing.get_args(hint) if part is not types.NoneType)
    return hint
