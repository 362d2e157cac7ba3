"""Files that are written completely or not at all."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .errors import first_line


def write_atomically(path: Path, write: Callable[[Path], Any]) -> None:
    """Let `write` fill a temporary file, force it to the disk, then put it in the place of `path`.

    Raises:
        OSError: the disk is full or the folder cannot be written to; `path` is as it was.
    """
    temporary = path.with_name(path.name + ".tmp")
    try:
        write(temporary)
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except (OSError, RuntimeError) as error:  # torch.save turns a full disk into RuntimeError
        temporary.unlink(missing_ok=True)
        raise OSError(f"cannot write {path}: {first_line(error)}; what was saved before is intact") from error
