"""The model card: what the repository of an editor says of it, in the words of card.md."""

import math
import re
from collections.abc import Mapping
from numbers import Real
from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult, ModelCard, ModelCardData

from ..attributes import HUB_DATASET
from ..editor import Editor
from ..images import IMAGE_SIZE
from ..latents import Z_DIM
from ..networks.files import LICENCE_LINK, LICENCE_NAME
from .hub import PublishError

_TEMPLATE = Path(__file__).with_name("card.md")
_FIELDS: dict[str, tuple[type, ...]] = {
    "value": (Real, str),
    "unit": (str,),
    "samples": (int,),
    "note": (str,),
    "title": (str,),
}


def model_card(editor: Editor, repo_id: str, figures: Mapping[str, Any] | None = None) -> str:
    """Write the model card: YAML front matter and Markdown.

    Args:
        editor: whose attributes the card lists.
        repo_id: owner/name, for the line that loads it.
        figures: what was measured, as in {"Mean leak": {"value": 0.11, "unit": "sd", "samples": 2000,
            "note": "other attributes, judged by a second network"}}. Each has a `value`, a number or a text;
            `unit`, `samples` (how many pictures), `note` and `title` (shown instead of the name) may be left out. None
            or empty: no such section.

    Raises:
        PublishError: a figure has no value, an unknown field, or a value that is no finite number or text.
    """
    figures = figures or {}
    if not isinstance(figures, Mapping):
        raise PublishError(f"figures must be a mapping of names to figures, got {figures!r:.80}")
    for name, figure in figures.items():
        _check_figure(name, figure)
    known = editor.generate_model_card().data.to_dict()  # what the class says of itself: licence, library, task, tags
    numbers = {name: figure for name, figure in figures.items() if not isinstance(figure["value"], str)}
    data = ModelCardData(
        **known,
        license_name=LICENCE_NAME,
        license_link=LICENCE_LINK,
        datasets=[HUB_DATASET],
        model_name=repo_id.partition("/")[2] if numbers else None,
        eval_results=[_result(name, figure, known["pipeline_tag"]) for name, figure in numbers.items()] or None,
    )
    card = ModelCard.from_template(  # by Jinja2, which PyTorch needs too
        data,
        template_path=str(_TEMPLATE),
        repo_id=repo_id,
        size=IMAGE_SIZE,
        z_dim=Z_DIM,
        attributes=", ".join(f"`{name}`" for name in editor.attributes),
        example="Smiling" if "Smiling" in editor.attributes else editor.attributes[0],
        licence_link=LICENCE_LINK,
        figures="\n".join(_row(**{"title": name, **figure}) for name, figure in figures.items()),
    )
    return f"{card}\n"


def _check_figure(name: str, figure: Any) -> None:
    """Refuse a figure whose fields cannot be printed as they are."""
    fits = isinstance(figure, Mapping) and "value" in figure and figure.keys() <= _FIELDS.keys()
    fits = fits and all(isinstance(given, _FIELDS[field]) for field, given in figure.items())
    fits = fits and not any(isinstance(given, bool) for given in figure.values())
    if not fits or (isinstance(figure["value"], Real) and not math.isfinite(figure["value"])):
        raise PublishError(
            f"figure {name!r} must have a value, which is a finite number or a text, and may have a unit, a note and a "
            f"title, which are texts, and samples, a whole number; got {figure!r:.200}"
        )


def _result(name: str, figure: Mapping[str, Any], task: str) -> EvalResult:
    return EvalResult(
        task_type=task,
        dataset_type=HUB_DATASET,
        dataset_name="CelebA",
        metric_type=re.sub(r"\W+", "_", name.lower()).strip("_"),
        metric_name=figure.get("title", name),
        metric_value=float(figure["value"]),
    )


def _row(title: str, value: float | str, unit: str = "", samples: int | None = None, note: str = "") -> str:
    shown = value if isinstance(value, str) else f"{value:.4g}"
    cells = (title, f"{shown} {unit}".strip(), "" if samples is None else f"{samples}", note)
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
