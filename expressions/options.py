"""Options: frozen dataclasses whose fields give the command line its flags, defaults and help."""

import argparse
import dataclasses
import sys
import types
import typing
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch

Options = TypeVar("Options")
Module = TypeVar("Module", bound=torch.nn.Module)

DEVICES = ("auto", "cpu", "cuda", "mps")
HUB_DATASET = "flwrlabs/celeba"
IDENTITIES = ("all", "even", "odd")
MAX_SEED = 2**32 - 1
PRECISIONS = ("auto", "bf16", "fp32")


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


@dataclass(frozen=True, kw_only=True)
class DataOptions:
    """Which faces to read."""

    data: str = option(HUB_DATASET, "Hub id or local folder of the faces")
    revision: str | None = option(None, "commit, tag or branch of the Hub data set; the default one is pinned")
    identities: str = option("all", "people to use: all, or those of an even or odd celeb_id", choices=IDENTITIES)
    limit: int | None = option(None, "use only the first faces, this many", above=0)
    streaming: bool = option(False, "read the first --limit faces without downloading the rest")

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, kw_only=True)
class DeviceOptions:
    """Where to compute, and how precisely."""

    device: str = option("auto", "where to compute; auto takes CUDA, then Apple's GPU, then the CPU", choices=DEVICES)
    precision: str = option("auto", "autocast; auto takes bf16 where the hardware has it", choices=PRECISIONS)

    def __post_init__(self) -> None:
        check(self)

    def resolve(self) -> tuple[torch.device, torch.dtype | None]:
        """The device, and autocast's dtype or None for float32.

        Raises:
            ValueError: this machine lacks the device.
        """
        available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
        name = self.device
        if name == "auto":
            name = next(kind for kind, there in available.items() if there)
        if not available[name]:
            there = ", ".join(kind for kind, there in available.items() if there)
            raise ValueError(f"device: this machine has no {name}; it has {there}")
        bf16 = self.precision == "bf16" or (self.precision == "auto" and has_fast_bf16(name))
        return torch.device(name), torch.bfloat16 if bf16 else None


@dataclass(frozen=True, kw_only=True)
class GeneratorOptions:
    """Whose faces."""

    generator: str = option(
        "runs/gan/generator.safetensors",
        "the averaged generator of a training run; several with a common start, separated by commas, are averaged",
        paths=True,
    )

    def __post_init__(self) -> None:
        check(self)


def has_fast_bf16(device: str) -> bool:
    """Whether the hardware computes in bfloat16, rather than emulating it."""
    if device == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    capabilities = torch.cpu.get_capabilities()
    return device == "cpu" and bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def autocast_to(device: torch.device, dtype: torch.dtype | None) -> torch.autocast:
    """Compute in a dtype where that is safe, or in float32 if it is None."""
    return torch.autocast(device.type, dtype or torch.bfloat16, enabled=dtype is not None)


def channels_last(module: Module) -> Module:
    """Keep the kernels of convolutions channel by channel, as bf16 convolutions want them."""
    return module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
