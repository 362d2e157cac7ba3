"""The HTML of the page: how faces, changes and figures are shown. Nothing in it comes from a visitor unescaped."""

import base64
import html
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from torch import Tensor

from ..attributes import free_to_change
from ..editor import Look
from .controls import LABELS, label
from .faces import DRAFT_SIZE, MAP, PICTURE_SIZE, STRIP, THUMBNAIL_SIZE, Faces, data_url, enlarged, loop
from .state import State

ALT = "The synthetic face of this seed, as the sliders ask"


def stage(faces: Faces, state: State) -> str:
    """The picture part of the page, by the state's view."""
    if state.view in DRAFTED:
        return DRAFTED[state.view](faces, state, _image(faces.face(state.seed, state.targets).image[0], ALT))
    return _SEVERAL[state.view](faces, state)


def draft(faces: Faces, state: State) -> str:
    """The same in a hurry, for one of the views `DRAFTED`; page.js asks for the face itself where this stays."""
    now = _image(faces.draft(state.seed, state.targets), ALT, DRAFT_SIZE, " data-draft")
    return DRAFTED[state.view](faces, state, now)


def _face(_faces: Faces, _state: State, now: str) -> str:
    return f'<div class="view single">{now}</div>'


def _compare(faces: Faces, state: State, now: str) -> str:
    return (
        f'<div class="view wipe">{_image(faces.face(state.seed, {}).image[0], "The face before any edit")}{now}'
        '<span class="before">Before</span><span class="now">Now</span>'
        '<input type="range" min="0" max="100" value="50" aria-label="How much of the face before is shown"></div>'
    )


def _strip(faces: Faces, state: State) -> str:
    row = faces.strip(state.seed, state.targets, state.strip)
    cells = [_choice(faces, state, {state.strip: asked}, face) for asked, face in zip(STRIP, row, strict=True)]
    return f'<div class="view strip">{"".join(cells)}</div>'


def _map(faces: Faces, state: State) -> str:
    if state.across == state.down:
        return '<div class="view"><p>Choose two different attributes.</p></div>'
    rows = faces.map(state.seed, state.targets, state.across, state.down)
    cells = "".join(
        _choice(faces, state, {state.across: across, state.down: down}, face)
        for down, row in zip(reversed(MAP), rows, strict=True)
        for across, face in zip(MAP, row, strict=True)
    )
    return (
        f'<div class="view map"><span class="down">{label(state.down)} &rarr;</span><div>{cells}</div>'
        f'<span class="across">{label(state.across)} &rarr;</span></div>'
    )


def _morph(faces: Faces, state: State) -> str:
    pictures = faces.morph(state.seed, state.to, state.targets)
    file = base64.b64encode(loop(pictures, state.link(faces.weights))).decode()
    name = f"morph-{state.seed}-{state.to}.webp"
    return (
        f'<div class="view single"><picture><source media="(prefers-reduced-motion: reduce)" '
        f'srcset="{data_url(pictures[len(pictures) // 2])}"><img src="data:image/webp;base64,{file}" '
        f'alt="Synthetic faces from seed {state.seed} to seed {state.to} and back"></picture></div>'
        f'<p class="file"><a download="{name}" href="data:image/webp;base64,{file}">Download this loop</a></p>'
    )


def _sheet(faces: Faces, state: State) -> str:
    cells = "".join(
        f'<button type="button" data-link="seed={seed}&amp;view=face" aria-label="Open face {seed}">'
        f"{_image(face.image[0], '', THUMBNAIL_SIZE)}<span>{seed}</span></button>"
        for seed, face in faces.sheet(state.seed)
    )
    return f'<div class="view sheet">{cells}</div>'


DRAFTED = {"face": _face, "compare": _compare}
_SEVERAL = {"strip": _strip, "map": _map, "morph": _morph, "sheet": _sheet}


def _image(image: Tensor, alt: str, size: int = PICTURE_SIZE, mark: str = "") -> str:
    return f'<img src="{data_url(enlarged(image, size))}" alt="{alt}"{mark}>'


def _choice(faces: Faces, state: State, asked: Mapping[str, float], face: Look) -> str:
    """A face of a view that a click takes over, with the values that it was asked for besides and those measured."""
    values = faces.values(face)
    link = replace(state, targets={**state.targets, **asked}).link(faces.weights)
    words = ", ".join(f"{label(name)} {value}" for name, value in asked.items())
    reached = " / ".join(f"{values[name]:.0f}" for name in asked)
    return (
        f'<button type="button" data-link="{html.escape(link)}" aria-label="Take {words}; measured {reached}">'
        f"{_image(face.image[0], '', THUMBNAIL_SIZE)}<span>{reached}</span></button>"
    )


# Beside the picture -------------------------------------------------------------------------------


def remark(text: str, link: str = "") -> str:
    """What is to be said of a face. With its link the same words of another face are another remark: Gradio tells of a
    change only where the text differs."""
    face = f' data-face="{html.escape(link)}"' if text and link else ""
    return f'<p role="status"{face}>{html.escape(text)}</p>'


def shortfall(faces: Faces, state: State) -> str:
    """Say what was reached where it is not what was asked; nothing if every target was met."""
    values = faces.values(faces.face(state.seed, state.targets))
    parts = [
        f"{LABELS[name]} {values[name]:.0f} (asked {state.targets[name]:g})"
        for name in faces.missed(state.targets, values)
    ]
    return f"Not fully reached: {', '.join(parts)}." if parts else ""


def reach(faces: Faces, state: State) -> str:
    """Say how far this face goes with every attribute that `shortfall` names."""
    parts = []
    for name in faces.missed(state.targets, faces.values(faces.face(state.seed, state.targets))):
        low, high = faces.reach(state.seed, name)
        parts.append(f"{LABELS[name]} reaches {low:.0f} to {high:.0f}")
    moved = "Each moved on its own" if len(parts) > 1 else "Moved on its own"
    return f"{moved}, {', '.join(parts)} on this face." if parts else ""


def marks(own: Mapping[str, int]) -> str:
    """What marks the face's own value on each slider: a custom property that the style sheet draws by."""
    return "<style>" + "".join(f"#slider-{name}{{--own:{value}}}" for name, value in own.items()) + "</style>"


def changes(before: Mapping[str, float], after: Mapping[str, float], asked: Collection[str]) -> str:
    """Every attribute's value before and after, what was asked for first, then the largest change."""
    free = free_to_change(asked).difference(asked)
    names = sorted(after, key=lambda name: (name not in asked, -abs(after[name] - before[name])))
    rows = "".join(
        f"<tr{' class=asked' if name in asked else ''}><th scope=row>{html.escape(label(name))}"
        f"{' <small>may go along</small>' if name in free else ''}</th>"
        f"<td>{before[name]:.0f}</td><td>{after[name]:.0f}</td>"
        f"<td>{_signed(round(after[name]) - round(before[name]))}</td></tr>"
        for name in names
    )
    return _table(("Attribute", "Before", "Now", "Change"), rows)


def table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of plain text; the first cell of a row is its head."""
    lines = []
    for row in rows:
        first, *others = map(html.escape, row)
        lines.append(f"<tr><th scope=row>{first}</th>{''.join(f'<td>{cell}</td>' for cell in others)}</tr>")
    return _table(titles, "".join(lines))


def _table(titles: Sequence[str], rows: str) -> str:
    head = "".join(f"<th scope=col>{title}</th>" for title in titles)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _signed(change: int) -> str:
    return f"{change:+d}".replace("-", "\N{MINUS SIGN}") if change else "0"
