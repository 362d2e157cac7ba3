"""What a benchmark measured, written as JSON."""

import json
import math
from pathlib import Path
from typing import Any


def write_report(report: dict[str, Any], path: Path) -> None:
    """Write figures; a folder that is missing is made, and NaN, where nothing could be measured, becomes null."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(_without_nan(report), indent=2) + "\n")


def _without_nan(result: Any) -> Any:
    if isinstance(result, dict):
        return {name: _without_nan(value) for name, value in result.items()}
    if isinstance(result, list):
        return [_without_nan(value) for value in result]
    return None if isinstance(result, float) and math.isnan(result) else result
