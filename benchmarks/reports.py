"""What a benchmark measured, written as JSON."""

import json
import math
from pathlib import Path
from typing import Any

import torch

from expressions.files import write_atomically


def write_report(report: dict[str, Any], path: Path) -> None:
    """Write figures, whole or not at all; a folder that is missing is made, and NaN, where nothing could be measured,
    becomes null.

    Raises:
        RunError: the disk is full or the folder cannot be written; `path` is as it was.
    """
    text = json.dumps(_without_nan(report), indent=2) + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, lambda file: file.write_text(text))


def path_of_report(name: str, device: torch.device) -> Path:
    """Where a report is kept that depends on the device."""
    return Path("benchmarks") / (f"{name}.json" if device.type == "cpu" else f"{name}_{device.type}.json")


def _without_nan(result: Any) -> Any:
    if isinstance(result, dict):
        return {name: _without_nan(value) for name, value in result.items()}
    if isinstance(result, list):
        return [_without_nan(value) for value in result]
    return None if isinstance(result, float) and math.isnan(result) else result
