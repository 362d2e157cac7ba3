"""A training run's folder: what is in it, and who may write there."""

import dataclasses
import json
import os
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import first_line
from ..files import write_atomically
from .options import split_paths

CHECKPOINT = "checkpoint.pt"
PREVIOUS = "checkpoint-previous.pt"
GENERATOR = "generator.safetensors"
OPTIONS = "options.json"
STATS = "stats.jsonl"

# What may differ between a run and its continuation: where, how long and how precisely, not what is trained.
RESUMABLE = {"resume", "out", "kimg", "tracker", "device", "precision"}


class RunError(ValueError):
    """A run folder that cannot be used as asked; what was saved in it is intact."""


def holds_run(run: Path) -> bool:
    """Whether a training has left a checkpoint in the folder."""
    return any((run / name).exists() for name in (CHECKPOINT, PREVIOUS))


def check_unused(run: Path) -> None:
    """Refuse to start a run where one is, or none can be.

    Raises:
        RunError: the folder holds a run already, or cannot be made.
    """
    above = next(folder for folder in (run, *run.parents) if folder.exists())
    if not (above.is_dir() and os.access(above, os.W_OK)):
        raise RunError(f"cannot make the run folder {run}: {above} is not a folder that can be written to")
    if holds_run(run):
        raise RunError(f"{run} already holds a run: go on with --resume, or name another folder with --out")
    for name in (GENERATOR, STATS):
        if (run / name).exists():
            raise RunError(f"{run} already holds {name}, which a run would replace: name another folder with --out")


def write_options(run: Path, options: Any) -> None:
    """Write a run's options into its folder, which is made if need be."""
    run.mkdir(parents=True, exist_ok=True)
    text = json.dumps(dataclasses.asdict(options), indent=2) + "\n"
    write_atomically(run / OPTIONS, lambda path: path.write_text(text))


def check_options(run: Path, options: Any) -> None:
    """Refuse to go on with a run whose options differ in what is computed.

    Raises:
        RunError: no run's options are there or can be read, or some have changed; they are named.
    """
    try:
        saved = dict(json.loads((run / OPTIONS).read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise RunError(f"nothing to resume: cannot read {run / OPTIONS}: {error}") from error
    now = dataclasses.asdict(options)
    then = {item.name: item.default for item in dataclasses.fields(options)} | saved  # an option may be newer
    changed = [name for name in now if name not in RESUMABLE and _real(then[name]) != _real(now[name])]
    if changed:
        raise RunError(
            f"{run} was started with "
            + ", ".join(f"{name}={then[name]!r} (now {now[name]!r})" for name in changed)
            + ": resume with the same options, or start another run with --out"
        )


def _real(value: Any) -> Any:
    """An option's value; a text as the paths that it may be, however they are written."""
    return (
        [os.path.realpath(Path(path).expanduser()) for path in split_paths(value)] if isinstance(value, str) else value
    )


def same_faces(images: Tensor, then: str, run: Path, *labels: Tensor) -> str:
    """Tell which faces these are, by their number, pixels and labels; images (N, 3, 64, 64) uint8, labels (N, ...).

    Raises:
        RunError: a run that began with others would go on; `then` is what was told of them, empty if nothing was.
    """
    digest = sha256()
    for tensor in (images, *labels):
        digest.update(tensor.cpu().contiguous().numpy().data)
    now = f"{len(images)} faces, SHA-256 {digest.hexdigest()}"
    if then not in ("", now):
        raise RunError(f"{run} was started with other data: {then}; now {now}")
    return now


def append_statistics(run: Path, record: dict[str, float]) -> None:
    """Add a line, and drop those that a rollback or a kill has left of later steps."""
    path = run / STATS
    lines = path.read_text().splitlines() if path.exists() else []
    lines = [line for line in lines if json.loads(line)["step"] < record["step"]] + [json.dumps(record)]
    write_atomically(path, lambda temporary: temporary.write_text("\n".join(lines) + "\n"))


def save_checkpoint(run: Path, checkpoint: dict[str, Any]) -> None:
    """Write a checkpoint and keep the one before it; at no moment is there none that can be read."""
    path = run / CHECKPOINT
    temporary = run / (CHECKPOINT + ".new")
    write_atomically(temporary, lambda target: torch.save(checkpoint, target))
    if path.exists():
        path.replace(run / PREVIOUS)
    temporary.replace(path)


def load_checkpoint(run: Path) -> dict[str, Any]:
    """Read the last checkpoint, or the one before it where a kill came between the two renamings.

    Raises:
        RunError: there is none, or the file cannot be read.
    """
    there = [run / name for name in (CHECKPOINT, PREVIOUS) if (run / name).exists()]
    if not there:
        raise RunError(f"nothing to resume: {run / CHECKPOINT} does not exist")
    path, *others = there
    return read_checkpoint(path, f"remove it to go on from {others[0]}" if others else "there is none before it")


def read_checkpoint(path: Path, advice: str = "remove it to begin anew") -> dict[str, Any]:
    """Read a checkpoint onto the CPU.

    Raises:
        RunError: the file cannot be read; `advice` says what to do then.
    """
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load has no common type for a broken file
        raise RunError(f"{path} is not a checkpoint of this training: {first_line(error)}; {advice}") from error
