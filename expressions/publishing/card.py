"""publishing.card."""

import math
import re
from collections.abc import Mapping
from numbers import Real
from typing import Any

from huggingface_hub import EvalResult, ModelCardData

from ..attributes import HUB_DATASET
from ..editor import Editor
from ..images import IMAGE_SIZE
from ..latents import Z_DIM
from .hub import PublishError

LICENCE_NAME = "celeba-non-commercial"
LICENCE_LINK = "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html"
_FIGURE_FIELDS = ("value", "unit", "samples", "note")


# The card -----------------------------------------------------------------------------------------


def model_card(editor: Editor, repo_id: str, figures: Mapping[str, Any] | None = None) -> str:
    """Write the model card: YAML front matter and Markdown.

    Args:
        editor: whose attributes the card lists.
        repo_id: owner/name, for the line that loads it.
        figures: what was measured, as in {"Mean leak": {"value": 0.11, "unit": "sd", "samples": 2000,
            "note": "other attributes, judged by a second network"}}. Each has a `value`, a number or a text;
            `unit`, `samples` (how many pictures) and `note` may be left out. None or empty: no such section.

    Raises:
        PublishError: a figure has no value, an unknown field, or a value that is no finite number or text.
    """
    if figures is not None and not isinstance(figures, Mapping):
        raise PublishError(f"figures must be a mapping of names to figures, got {figures!r:.80}")
    checked = {name: _checked_figure(name, figure) for name, figure in (figures or {}).items()}
    # What the class says of itself: licence, library, task and tags.
    known = editor.generate_model_card().data.to_dict()
    numbers = {name: figure["value"] for name, figure in checked.items() if not isinstance(figure["value"], str)}
    results = [_result(name, value, known["pipeline_tag"]) for name, value in numbers.items()]
    data = ModelCardData(
        **known,
        license_name=LICENCE_NAME,
        license_link=LICENCE_LINK,
        datasets=[HUB_DATASET],
        model_name=repo_id.partition("/")[2] if results else None,
        eval_results=results or None,
    )
    text = _CARD.format(
        repo_id=repo_id,
        size=IMAGE_SIZE,
        z_dim=Z_DIM,
        attributes=", ".join(f"`{name}`" for name in editor.attributes),
        example="Smiling" if "Smiling" in editor.attributes else editor.attributes[0],
        licence_link=LICENCE_LINK,
        figures=_table(checked),
    )
    return f"---\n{data.to_yaml()}\n---\n\n{text}"


def _checked_figure(name: str, figure: Any) -> dict[str, Any]:
    """Let through a figure whose fields can be printed as they are."""
    if not isinstance(figure, Mapping) or "value" not in figure:
        raise PublishError(f"figure {name!r} must be a mapping with a value, got {figure!r}")
    unknown = [field for field in figure if field not in _FIGURE_FIELDS]
    if unknown:
        raise PublishError(f"figure {name!r}: unknown field {unknown[0]!r}; choose from {', '.join(_FIGURE_FIELDS)}")
    value = figure["value"]
    number = isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    if not number and not isinstance(value, str):
        raise PublishError(f"figure {name!r}: value must be a finite number or a text, got {value!r}")
    for field, kind, expected in (("unit", str, "a text"), ("note", str, "a text"), ("samples", int, "a whole number")):
        given = figure.get(field, kind())
        if isinstance(given, bool) or not isinstance(given, kind):
            raise PublishError(f"figure {name!r}: {field} must be {expected}, got {given!r}")
    return dict(figure)


def _result(name: str, value: float, task: str) -> EvalResult:
    return EvalResult(
        task_type=task,
        dataset_type=HUB_DATASET,
        dataset_name="CelebA",
        metric_type=re.sub(r"\W+", "_", name.lower()).strip("_"),
        metric_name=name,
        metric_value=float(value),
    )


def _table(figures: Mapping[str, Mapping[str, Any]]) -> str:
    """The section of figures; nothing without figures."""
    if not figures:
        return ""
    rows = [_row(name, **figure) for name, figure in figures.items()]
    return "\n".join(["## Figures", "", "| | value | pictures | |", "|---|---|---|---|", *rows, "", ""])


def _row(name: str, value: float | str, unit: str = "", samples: int | None = None, note: str = "") -> str:
    shown = value if isinstance(value, str) else f"{value:.4g}"
    cells = (name, f"{shown} {unit}".strip(), "" if samples is None else f"{samples}", note)
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


_CARD = """\
# {repo_id}

A DCGAN that draws faces of {size}x{size} pixels, with a model of their attributes and of the latent directions
that move them. A seed gives a face; a slider asks for an amount of one attribute, from 0 to 100, and the other
attributes are held as far as the directions can. The amount is measured in the picture: 0 is the 1st percentile of
random faces, 100 the 99th.

The attributes: {attributes}. `Skin_Tone` is measured from the pixels of the cheeks; the others are the logits of a
classifier.

**These faces show nobody.** Each is computed from {z_dim} random numbers. One may still resemble a real person.

## How to load it

The package is in every Space that shows these weights (`pip install git+https://huggingface.co/spaces/OWNER/NAME`) and
in the project that they come from (`pip install .` in its checkout).

```python
from expressions import Editor

editor = Editor.from_pretrained("{repo_id}")
editor.render(seed=7, targets={{"{example}": 90.0}}, size=256).save("face.png")
```

One `model.safetensors` and one `config.json` hold everything; nothing in them is executed. Pass the hash of a commit
as `revision` to pin the weights.

## Training data and licence

Trained on faces of [CelebA]({licence_link}) (Liu et al., 2015): pictures of celebrities with 40 binary labels.
CelebA may be used for **non-commercial research only**, and its pictures, which show real people, may not be sold,
published or passed on. These weights are derived from them and are offered under the same restriction; no picture of
CelebA is in this repository. The code is under the Apache licence 2.0.

{figures}## Intended use

Research and teaching: how a small GAN is trained, how attributes are measured and edited, where that fails.

## Out of scope

- Anything commercial.
- Impersonating, imitating or deceiving anyone; profile pictures of people who do not exist.
- Identifying, classifying or judging real people. The classifier is calibrated on generated faces.
- Statements about groups of people. A slider shows what annotators' labels and this network have in common.

## Limits and bias

- CelebA shows celebrities: mostly young, mostly with lighter skin, and 58 % women by its labels. Faces unlike theirs
  come out less often and less well.
- Labels such as `Attractive`, `Male` and `Young` are annotators' opinions, forced into yes or no. They say nothing
  about anybody's identity, age or worth.
- Attributes that go together in CelebA go together here: a slider may move others along with its own, and a value
  that a face cannot reach is approached, not reached.
- The pictures have {size}x{size} pixels and visible flaws.
"""
