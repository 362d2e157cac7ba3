"""What the page answers to every event: functions of what its components hold."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import gradio as gr

from ..latents import MAX_SEED
from . import views
from .controls import label
from .faces import FaceCache
from .state import MAX_LINK, OPTIONS, State, choose, first_state, parse_link, read_seed, read_value
from .xmp import marked_png

SEED_RULE = f"A seed is a whole number from 0 to {MAX_SEED}."
NO_LINK = "That picture carries no link: only downloads of this page do."
LONG_LINK = f"That link is no link of this page: it has more than {MAX_LINK} characters."
OTHER_WEIGHTS = "This link was made with other weights, so the face may differ."
IGNORED = "Ignored, because there is no such slider or the value is not a number:"
SIZES = (64, 256, 512)  # of downloads


class Page:
    """The answers to a visitor.

    `asked` is the last request: "<count>?<link>" opens a face, and the sliders follow it; "<count>?rest" asks for what
    the sliders were moved to. `answered` is "<count>?<link>" of what the last answer showed: while the counts of both
    differ, an answer is on its way. A slider that is being dragged is followed by drafts.
    """

    def __init__(self, faces: FaceCache) -> None:
        self.faces = faces
        self.first = first_state(faces.attributes)

    def draft(self, asked: object, answered: object, *held: object) -> Any:
        """Follow a drag of one face; arguments as for `answer`.

        The stage alone comes back: Gradio renders every output of an event again, even one that is skipped.
        """
        shown, now = self._on_screen(answered, held)
        is_waiting = _split(asked)[0] != _split(answered)[0]
        if is_waiting or now.view not in views.DRAFTED:
            return gr.skip()
        # A drag that returns to where it began asks for what is shown already. So does an event that comes late, after
        # the answer to the drag's last value. Both get the face itself: a draft would replace it on the page.
        is_shown = (now.targets, now.attempts) == (shown.targets, shown.attempts)
        draw = views.stage if is_shown else views.draft
        return draw(self.faces, now)

    def answer(self, asked: object, answered: object, *held: object) -> list[Any]:
        """Answer a request.

        Args:
            asked: the last request.
            answered: the last one answered, with what its picture shows.
            held: what the components hold: those of `OPTIONS`, then the sliders.

        Returns:
            Stage, remark, changes, marks, link, request answered, then what is held.
        """
        count, query = _split(asked)
        state, said, opens = self._next(query, answered, held)
        own = self.faces.own_values(state.seed, state.attempts)
        looks = (self.faces.face(state.seed, targets, state.attempts) for targets in ({}, state.targets))
        before, after = map(self.faces.values, looks)
        link = state.link(self.faces.weights)
        options = [getattr(state, name) for name in OPTIONS]
        sliders = [{**own, **state.targets}[name] for name in self.faces.attributes]
        return [
            views.stage(self.faces, state),
            views.remark(f"{said} {views.shortfall(self.faces, state)}".strip(), link),
            views.changes(before, after, state.targets),
            views.marks(own),
            link,
            count + link,
            *(value if opens else gr.skip() for value in (*options, *sliders)),
        ]

    def _next(self, query: str, answered: object, held: Sequence[object]) -> tuple[State, str, bool]:
        """The state that a request leads to, what is to be said of it, and whether the components are to follow it."""
        shown, now = self._on_screen(answered, held)
        is_first = not _split(answered)[1]
        is_redrawn = now.attempts != shown.attempts  # as another face with other values, which its sliders take
        if query == "rest" and not is_first:
            return now, _unread_seed(now, held), is_redrawn
        linked, fields = parse_link(query, self.faces.attributes, now)
        refusal = LONG_LINK if len(query) > MAX_LINK else _refusal(fields)
        if refusal and not is_first:
            return now, f"{refusal} This is still face {now.seed}.", is_redrawn
        if refusal:
            return linked, f"{refusal} Showing face {linked.seed} instead.", True
        return linked, self._caveat(linked, fields), True

    def _caveat(self, state: State, fields: Mapping[str, str]) -> str:
        """What is to be said of a link that was not read as a whole."""
        if fields.get("weights", self.faces.weights) != self.faces.weights:
            return OTHER_WEIGHTS
        ignored = [label(name) for name in self.faces.editor.attributes if name in fields and name not in state.targets]
        return f"{IGNORED} {', '.join(ignored)}." if ignored else ""

    def _on_screen(self, answered: object, held: Sequence[object]) -> tuple[State, State]:
        """What the last answer showed, and what the components ask for now."""
        options, sliders = dict(zip(OPTIONS, held, strict=False)), held[len(OPTIONS) :]
        shown, face = self._face(answered, sliders)
        return shown, replace(choose(shown, self.faces.attributes, options), targets=face.targets)

    def _face(self, answered: object, sliders: Sequence[object]) -> tuple[State, State]:
        """What the last answer showed, and its face as the sliders ask for it now, in the plain view.

        A slider asks for its value where that is not the face's own, or is what the last answer was asked for.
        """
        shown, _ = parse_link(_split(answered)[1], self.faces.attributes, self.first)
        own = self.faces.own_values(shown.seed, shown.attempts)
        values = dict(zip(self.faces.attributes, map(read_value, sliders), strict=True))
        targets = {
            name: value
            for name, value in values.items()
            if value is not None and (value != own[name] or value == shown.targets.get(name))
        }
        return shown, State(shown.seed, targets, attempts=shown.attempts)

    def explain(self, answered: object, *sliders: object) -> str:
        """Say how far the face on screen goes with what it missed. This is costly, so it follows the picture."""
        _, face = self._face(answered, sliders)
        return views.remark(views.reach(self.faces, face))

    def download(self, size: int, answered: object, *sliders: object) -> str:
        """The face on screen as "<file name>|<PNG in base64>", with the mark."""
        _, face = self._face(answered, sliders)
        picture = self.faces.editor.picture(self.faces.face(face.seed, face.targets, face.attempts).image, size)
        png = marked_png(picture, face.link(self.faces.weights))
        return f"expressions-{face.seed}-{size}.png|{base64.b64encode(png).decode()}"


def _split(request: object) -> tuple[str, str]:
    """A request's count and its query."""
    count, _, query = str(request).partition("?")
    return count, query


def _refusal(fields: Mapping[str, str]) -> str:
    """Why a link opens no face; nothing if it does."""
    if fields.get("link") == "none":
        return NO_LINK
    return SEED_RULE if "seed" in fields and read_seed(fields["seed"]) is None else ""


def _unread_seed(state: State, held: Sequence[object]) -> str:
    """What is to be said where the morph's box holds no seed."""
    is_unread = state.view == "morph" and read_seed(held[OPTIONS.index("to")]) is None
    return f"{SEED_RULE} This still goes to face {state.to}." if is_unread else ""
