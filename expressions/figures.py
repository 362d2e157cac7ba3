"""What was measured of the embedded weights: the page and the model card show it."""

import json
from pathlib import Path
from typing import Any

EMBEDDED_FIGURES = Path(__file__).parent / "weights" / "figures.json"
RIVAL = "mean difference"  # the method of editing that is shown beside ours


def published_figures(weights: str) -> dict[str, Any]:
    """Read what was measured of weights: nothing unless they are the embedded ones.

    Args:
        weights: the fingerprint of an editor.
    """
    figures = json.loads(EMBEDDED_FIGURES.read_text(encoding="utf-8")) if EMBEDDED_FIGURES.exists() else {}
    return figures if figures.get("weights") == weights else {}
