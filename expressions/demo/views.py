"""The HTML of the page: faces, changes and figures. What could come from a visitor is escaped."""

import base64
import html
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from torch import Tensor

from ..attributes import free_to_change
from ..latents import MAX_SEED
from ..solver import Look
from .controls import LABELS, label
from .faces import DRAFT_SIZE, PICTURE_SIZE, THUMBNAIL_SIZE, FaceCache, data_url
from .state import State
from .xmp import marked_loop

STRIP = (0, 13, 25, 38, 50, 63, 75, 88, 100)  # values of a filmstrip
MAP = (0, 25, 50, 75, 100)  # values on either axis of a map
SHEET = 24  # seeds of a sheet; after the last seed comes 0
ALT = "The synthetic face of this seed, as the sliders ask"


def stage(faces: FaceCache, state: State) -> str:
    """The picture part of the page, by the state's view."""
    if state.view in DRAFTED:
        return DRAFTED[state.view](faces, state, _image(faces, _look(faces, state).image, ALT))
    return _SEVERAL[state.view](faces, state)


def draft(faces: FaceCache, state: State) -> str:
    """The same for one of the views `DRAFTED`, drawn roughly; page.js asks for the face itself where a draft stays."""
    now = _image(faces, faces.draft(state.seed, state.targets, state.attempts), ALT, DRAFT_SIZE, " data-draft")
    return DRAFTED[state.view](faces, state, now)


def _look(faces: FaceCache, state: State) -> Look:
    return faces.face(state.seed, state.targets, state.attempts)


def _face(_faces: FaceCache, _state: State, now: str) -> str:
    return f'<div class="view single">{now}</div>'


def _compare(faces: FaceCache, state: State, now: str) -> str:
    before = _image(faces, _look(faces, replace(state, targets={})).image, "The face before any edit")
    return (
        f'<div class="view wipe">{before}{now}<span class="before">Before</span><span class="now">Now</span>'
        '<input type="range" min="0" max="100" value="50" aria-label="How much of the face before is shown"></div>'
    )


def _strip(faces: FaceCache, state: State) -> str:
    cells = "".join(_choice(faces, state, {state.strip: value}) for value in STRIP)
    return f'<div class="view strip">{cells}</div>'


def _map(faces: FaceCache, state: State) -> str:
    if state.across == state.down:
        return '<div class="view"><p>Choose two different attributes.</p></div>'
    points = [(across, down) for down in reversed(MAP) for across in MAP]  # from the upper left on
    cells = "".join(_choice(faces, state, {state.across: across, state.down: down}) for across, down in points)
    return (
        f'<div class="view map"><span class="down">{label(state.down)} &rarr;</span><div>{cells}</div>'
        f'<span class="across">{label(state.across)} &rarr;</span></div>'
    )


def _morph(faces: FaceCache, state: State) -> str:
    pictures = faces.morph(state.seed, state.to, state.targets, attempts=state.attempts)
    loop = base64.b64encode(marked_loop(pictures, state.link(faces.weights))).decode()
    middle = data_url(pictures[len(pictures) // 2])
    return (
        f'<div class="view single"><picture><source media="(prefers-reduced-motion: reduce)" srcset="{middle}">'
        f'<img src="data:image/webp;base64,{loop}" '
        f'alt="Synthetic faces from seed {state.seed} to seed {state.to} and back"></picture></div>'
        f'<p class="file"><a download="morph-{state.seed}-{state.to}.webp" href="data:image/webp;base64,{loop}">'
        "Download this loop</a></p>"
    )


def _sheet(faces: FaceCache, state: State) -> str:
    seeds = [(state.seed + step) % (MAX_SEED + 1) for step in range(SHEET)]
    shown = [replace(state, seed=seed, targets={}, view="face") for seed in seeds]
    cells = [
        _button(
            faces,
            f"{face.link(faces.weights)}&view=face",
            f"Open face {face.seed}",
            _look(faces, face),
            f"{face.seed}",
        )
        for face in shown
    ]
    return f'<div class="view sheet">{"".join(cells)}</div>'


DRAFTED = {"face": _face, "compare": _compare}
_SEVERAL = {"strip": _strip, "map": _map, "morph": _morph, "sheet": _sheet}


def _image(faces: FaceCache, image: Tensor, alt: str, size: int = PICTURE_SIZE, mark: str = "") -> str:
    return f'<img src="{data_url(faces.editor.picture(image, size))}" alt="{alt}"{mark}>'


def _choice(faces: FaceCache, state: State, asked: Mapping[str, int]) -> str:
    """The face of a state with other targets, which a click takes over; it shows the values reached."""
    chosen = replace(state, targets={**state.targets, **asked})
    face = _look(faces, chosen)
    values = faces.values(face)
    words = ", ".join(f"{label(name)} {value}" for name, value in asked.items())
    reached = " / ".join(f"{values[name]:.0f}" for name in asked)
    return _button(faces, chosen.link(faces.weights), f"Take {words}; measured {reached}", face, reached)


def _button(faces: FaceCache, link: str, name: str, face: Look, caption: str) -> str:
    """A small face that opens a link."""
    return (
        f'<button type="button" data-link="{html.escape(link)}" aria-label="{name}">'
        f"{_image(faces, face.image, '', THUMBNAIL_SIZE)}<span>{caption}</span></button>"
    )


# Beside the picture -------------------------------------------------------------------------------


def remark(text: str, link: str = "") -> str:
    """A remark on a face, spoken by screen readers.

    Gradio tells of a change only where the HTML differs, so the link sets a face's remark apart from the same words
    on another face.
    """
    face = f' data-face="{html.escape(link)}"' if text and link else ""
    return f'<p role="status"{face}>{html.escape(text)}</p>'


def shortfall(faces: FaceCache, state: State) -> str:
    """Say what the face shows where that is not what was asked; nothing if every target was met."""
    missed = faces.missed(state.seed, state.targets, state.attempts)
    parts = [f"{LABELS[name]} {value:.0f} (asked {state.targets[name]:g})" for name, value in missed.items()]
    return f"Not fully reached: {', '.join(parts)}." if parts else ""


def reach(faces: FaceCache, state: State) -> str:
    """Say how far this face goes with every attribute that `shortfall` names."""
    missed = faces.missed(state.seed, state.targets, state.attempts)
    ends = {name: faces.reach(state.seed, name, state.attempts) for name in missed}
    parts = [f"{LABELS[name]} reaches {low:.0f} to {high:.0f}" for name, (low, high) in ends.items()]
    moved = "Each moved on its own" if len(parts) > 1 else "Moved on its own"
    return f"{moved}, {', '.join(parts)} on this face." if parts else ""


def marks(own: Mapping[str, int]) -> str:
    """What marks the face's own value on each slider: a custom property that the style sheet draws by."""
    return "<style>" + "".join(f"#slider-{name}{{--own:{value}}}" for name, value in own.items()) + "</style>"


def changes(before: Mapping[str, float], after: Mapping[str, float], asked: Collection[str]) -> str:
    """Every attribute's value before and after: what was asked for first, then the largest change."""
    free = free_to_change(asked).difference(asked)
    rows = []
    for name in sorted(after, key=lambda name: (name not in asked, -abs(after[name] - before[name]))):
        old, new = round(before[name]), round(after[name])
        note = " <small>may go along</small>" if name in free else ""
        rows.append(_row((label(name), f"{old}", f"{new}", _signed(new - old)), note, name in asked))
    return _table(("Attribute", "Before", "Now", "Change"), rows)


def _signed(change: int) -> str:
    return f"{change:+d}".replace("-", "\N{MINUS SIGN}") if change else "0"


def table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of plain text; the first cell of a row is its head."""
    return _table(titles, map(_row, rows))


def _table(titles: Sequence[str], rows: Iterable[str]) -> str:
    head = "".join(f"<th scope=col>{title}</th>" for title in titles)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _row(cells: Sequence[str], note: str = "", is_asked: bool = False) -> str:
    """One row of plain text, with a note in HTML after its head."""
    first, *others = map(html.escape, cells)
    head = f"<tr{' class=asked' if is_asked else ''}><th scope=row>{first}{note}</th>"
    return head + "".join(f"<td>{cell}</td>" for cell in others) + "</tr>"
