"""The page: its markup, and the JSON that its scripts start with."""

import html
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from string import Template
from typing import Any

from ..attributes import COUPLED
from ..latents import MAX_ATTEMPTS, MAX_SEED
from .about import ABOUT, quality
from .controls import GROUPS, LABELS, label, source
from .faces import PICTURE_SIZE, FaceCache
from .page import DOWNLOADS, Page
from .state import OPTIONS_OF_VIEW, VIEWS, first_state

_HERE = Path(__file__).parent
_PAGE = Template((_HERE / "page.html").read_text(encoding="utf-8"))
_SCRIPTS = ("state.js", "answers.js", "views.js", "trail.js", "sharing.js", "inputs.js", "in_browser.js", "page.js")


def head() -> str:
    """The style sheet and the scripts of the page, wherever it is shown."""
    style, *scripts = ((_HERE / name).read_text(encoding="utf-8") for name in ("style.css", *_SCRIPTS))
    return f"<style>{style}</style>" + "".join(f"<script>{script}</script>" for script in scripts)


def opening(faces: FaceCache, engine: str) -> dict[str, Any]:
    """What the scripts start with: the first state with its face, and what they need to know of the editor.

    Args:
        faces: of the editor.
        engine: where the script lies that draws them in a browser, relative to the page.
    """
    first = asdict(first_state(faces.attributes))
    return {
        "first": first,
        "face": Page(faces).faces({"states": [first], "size": PICTURE_SIZE})[0],
        "weights": faces.weights,
        "engine": engine,
        "sliders": faces.attributes,
        "labels": {name: label(name) for name in faces.editor.attributes},
        "along": {name: sorted(others) for name, others in COUPLED.items()},
        "views": list(VIEWS),
        "options": OPTIONS_OF_VIEW,
        "seeds": MAX_SEED,
        "attempts": MAX_ATTEMPTS,
    }


def markup(faces: FaceCache, notice: str = "") -> str:
    """The page as HTML, without a face; `notice`, if any, is shown above it."""
    first = first_state(faces.attributes)
    labels = {name: LABELS[name] for name in faces.attributes}
    selects = {"strip": "Filmstrip of", "across": "To the right", "down": "Upwards"}
    return _PAGE.substitute(
        notice=f'<p id="notice" role="alert">{html.escape(notice)}</p>' if notice else "",
        views=_radios("view", VIEWS),
        options="".join(_select(name, title, labels) for name, title in selects.items()),
        most=MAX_SEED,
        seed=first.seed,
        to=first.to,
        attempts=_radios("attempts", {str(MAX_ATTEMPTS): "Realistic", "1": "Varied"}),
        choosy="hidden" if faces.editor.chooser is None else "",
        sliders="".join(_group(title, [name for name in names if name in labels]) for title, names in GROUPS.items()),
        downloads="".join(f'<button data-size="{size}">PNG, {size} pixels</button>' for size in DOWNLOADS),
        quality=quality(faces.weights),
        about=ABOUT,
    )


def _radios(name: str, choices: Mapping[str, str]) -> str:
    return "".join(
        f'<label><input type="radio" name="{name}" value="{value}">{title}</label>' for value, title in choices.items()
    )


def _select(name: str, title: str, choices: Mapping[str, str]) -> str:
    options = "".join(f'<option value="{value}">{choice}</option>' for value, choice in choices.items())
    return f'<label id="{name}">{title} <select name="{name}">{options}</select></label>'


def _group(title: str, names: Sequence[str]) -> str:
    return f'<div class="group"><h2>{title}</h2>{"".join(map(_slider, names))}</div>' if names else ""


def _slider(name: str) -> str:
    """A slider, a box for its number, and a button that sets it back."""
    title, numbers = LABELS[name], 'min="0" max="100" step="1"'
    return (
        f'<div class="slider" id="slider-{name}" data-name="{name}"><span>{title} <small>{source(name)}</small></span>'
        f'<button class="undo" data-name="{name}" aria-label="Reset {title}"></button>'
        f'<input type="number" {numbers} aria-label="number input for {title}">'
        f'<input type="range" {numbers} aria-label="range slider for {title}"></div>'
    )
