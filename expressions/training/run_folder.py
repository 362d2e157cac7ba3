"""A training run's folder: what is in it, how it is read, how each file is written completely or not at all."""

import dataclasses
import json
import math
import os
import shutil
from pathlib import Path
from typing import Any

import torch

from ..errors import first_line
from ..files import RunError, write_atomically

CHECKPOINT = "checkpoint.pt"
PREVIOUS = "checkpoint-previous.pt"
BEST = "checkpoint-best.pt"
GENERATOR = "generator.safetensors"
OPTIONS = "options.json"
STATS = "stats.jsonl"

# What may differ between a run and its continuation: where, how long, how exactly, not the recipe.
RESUMABLE = {"resume", "out", "kimg", "tracker", "device", "precision"}


def start_run(run: Path, options: Any) -> None:
    """Make the folder of a new run and write its options.

    Raises:
        RunError: the folder holds a run already, or cannot be written.
    """
    check_unused(run)
    try:
        run.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"cannot make the run folder {run}: {error.strerror}") from error
    write_options(run, options)


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
    left = [name for name in (BEST, GENERATOR, STATS) if (run / name).exists()]
    if left:
        raise RunError(f"{run} already holds {left[0]}, which a run would replace: name another folder with --out")


def check_resumable(run: Path, options: Any) -> None:
    """Refuse to go on with a run whose options differ in what is computed.

    Raises:
        RunError: no run is there, its options cannot be read, or some have changed; they are named.
    """
    if not holds_run(run):
        raise RunError(f"nothing to resume: {run / CHECKPOINT} does not exist")
    check_options(run, options)


def check_options(run: Path, options: Any) -> None:
    """Refuse options that differ from a run's in what is computed.

    Raises:
        RunError: its options cannot be read, or some have changed; they are named.
    """
    try:
        saved = dict(json.loads((run / OPTIONS).read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise RunError(f"nothing to resume: cannot read {run / OPTIONS}: {error}") from error
    now = dataclasses.asdict(options)
    then = {item.name: item.default for item in dataclasses.fields(options)} | saved  # an option may be newer
    changed = [name for name in now if name not in RESUMABLE and then[name] != now[name]]
    if changed:
        raise RunError(
            f"{run} was started with "
            + ", ".join(f"{name}={then[name]!r} (now {now[name]!r})" for name in changed)
            + ": resume with the same options, or start another run with --out"
        )


def holds_run(run: Path) -> bool:
    """Whether a training has left a checkpoint in the folder."""
    return any((run / name).exists() for name in (CHECKPOINT, PREVIOUS))


def write_options(run: Path, options: Any) -> None:
    text = json.dumps(dataclasses.asdict(options), indent=2) + "\n"
    write_atomically(run / OPTIONS, lambda path: path.write_text(text))


def append_statistics(run: Path, record: dict[str, float]) -> None:
    """Add a line, and drop those that a rollback or a kill has left of later steps."""
    path = run / STATS
    lines = path.read_text().splitlines() if path.exists() else []
    lines = [line for line in lines if _step(line) < record["step"]] + [json.dumps(record)]
    write_atomically(path, lambda temporary: temporary.write_text("\n".join(lines) + "\n"))


def _step(line: str) -> float:
    """The step of a line of statistics; infinity if it is torn."""
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return math.inf


def save_checkpoint(run: Path, checkpoint: dict[str, Any]) -> None:
    """Write a checkpoint and keep the one before it; at no moment is there none that can be read."""
    path = run / CHECKPOINT
    temporary = run / (CHECKPOINT + ".new")
    write_atomically(temporary, lambda target: torch.save(checkpoint, target))
    if path.exists():
        path.replace(run / PREVIOUS)
    temporary.replace(path)


def keep_best(run: Path) -> None:
    """Keep the last checkpoint as the best one, in no more space than a name."""
    last, temporary = _last_checkpoint(run), run / (BEST + ".new")
    temporary.unlink(missing_ok=True)
    try:
        temporary.hardlink_to(last)
        temporary.replace(run / BEST)
    except OSError:  # a file system without links
        write_atomically(run / BEST, lambda target: shutil.copyfile(last, target))
    temporary.unlink(missing_ok=True)  # replacing a name of the same file leaves both


def _last_checkpoint(run: Path) -> Path:
    """The last one, or the one before it if a kill came between the two renamings."""
    return run / (CHECKPOINT if (run / CHECKPOINT).exists() else PREVIOUS)


def load_checkpoint(run: Path) -> dict[str, Any]:
    """Read the last checkpoint.

    Raises:
        RunError: the file cannot be read.
    """
    path = _last_checkpoint(run)
    try:
        checkpoint: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load has no common type for a broken file
        told = f"{path} is not a checkpoint of this training: {first_line(error)}; {_advice(path)}"
        raise RunError(told) from error
    return checkpoint


def _advice(broken: Path) -> str:
    previous = broken.with_name(PREVIOUS)
    is_another = previous.exists() and broken != previous
    return f"remove it to go on from {previous}" if is_another else "there is none before it"
