"""What the page answers to every event: functions of what its components hold."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import gradio as gr

from . import views
from .controls import label
from .faces import SEED_RULE, Faces, enlarged
from .state import State, as_seed, as_value, choose, first_state, parse_link, read_seed
from .xmp import marked_png

NO_RECIPE = "That picture carries no recipe: only downloads of this page do."
REST = "rest"
REFUSALS = (NO_RECIPE, SEED_RULE)
OTHER_WEIGHTS = "This link was made with other weights, so the face may differ."
IGNORED = "Ignored, because there is no such slider or the value is not a number:"
SIZES = (64, 256, 512)  # of downloads


class Page:
    """The answers to a visitor, from `faces`.

    A request is "<count>?<link>": its face is to be opened, and sliders follow it. "<count>?rest" asks the sliders that
    were moved of the face on screen. The page holds the last request, and "<count>?<link>" of what the last answer
    showed: while their counts differ, an answer is on its way. A slider that is being dragged is followed by drafts.
    """

    def __init__(self, faces: Faces) -> None:
        self.faces = faces
        self.first = first_state(faces.attributes)

    def draft(self, asked: object, answered: object, *held: object) -> Any:
        """Follow a drag of one face: the stage alone, since Gradio builds every output anew, even one that is skipped.

        Arguments as for `answer`.
        """
        count, old_count = (str(request).partition("?")[0] for request in (asked, answered))
        shown, state = self._on_screen(answered, held)
        if count != old_count or state.view not in views.DRAFTED:
            return gr.skip()
        # Where the answer was, or in an event that came late: the face itself, which a draft must not cover.
        draw = views.stage if state.targets == shown.targets else views.draft
        return draw(self.faces, state)

    def answer(self, asked: object, answered: object, *held: object) -> list[Any]:
        """Answer a request.

        Args:
            asked: the last request.
            answered: the last one answered, with what its picture shows.
            held: view, attribute of the filmstrip, attributes across and down the map, seed to morph to, sliders.

        Returns:
            Stage, remark, changes, marks, link, request answered, then what is held.
        """
        attributes = self.faces.attributes
        count, _, query = str(asked).partition("?")
        old_query = str(answered).partition("?")[2]
        _, current = self._on_screen(answered, held)
        state, opens, remark = current, query != REST or not old_query, self._unread(current, held)
        if opens:
            linked, fields = parse_link(query, attributes, current)
            remark = self._problem(linked, fields)
            if remark not in REFUSALS:
                state = linked
            elif old_query:
                opens, remark = False, f"{remark} This is still face {state.seed}."
            else:
                state, remark = linked, f"{remark} Showing face {linked.seed} instead."
        own = self.faces.own_values(state.seed)
        before, now = (self.faces.values(self.faces.face(state.seed, targets)) for targets in ({}, state.targets))
        options = [state.view, state.strip, state.across, state.down, state.to] if opens else [gr.skip()] * 5
        positions = [{**own, **state.targets}[name] if opens else gr.skip() for name in attributes]
        link = state.link(self.faces.weights)
        return [
            views.stage(self.faces, state),
            views.remark(f"{remark} {views.shortfall(self.faces, state)}".strip(), link),
            views.changes(before, now, state.targets),
            views.marks(own),
            link,
            count + link,
            *options,
            *positions,
        ]

    def _on_screen(self, answered: object, held: Sequence[object]) -> tuple[State, State]:
        """What the last answer showed, and what the page's components ask for now."""
        view, strip, across, down, to, *sliders = held
        attributes = self.faces.attributes
        shown, _ = parse_link(str(answered).partition("?")[2], attributes, self.first)
        now = choose(shown, attributes, view=view, strip=strip, across=across, down=down, to=to)
        return shown, replace(now, targets=self._moved(shown, sliders))

    def _unread(self, state: State, held: Sequence[object]) -> str:
        """What is to be said where a box that the view needs holds no seed."""
        _, _, _, _, to, *_ = held
        is_unread = state.view == "morph" and as_seed(to) is None
        return f"{SEED_RULE} This still goes to face {state.to}." if is_unread else ""

    def _problem(self, state: State, fields: Mapping[str, str]) -> str:
        """What is to be said of a request that was not, or not quite, understood."""
        if fields.get("recipe") == "none":
            return NO_RECIPE
        if "seed" in fields and read_seed(fields["seed"]) is None:
            return SEED_RULE
        if fields.get("weights", self.faces.weights) != self.faces.weights:
            return OTHER_WEIGHTS
        ignored = [label(name) for name in self.faces.editor.attributes if name in fields and name not in state.targets]
        return f"{IGNORED} {', '.join(ignored)}." if ignored else ""

    def _moved(self, shown: State, sliders: Sequence[object]) -> dict[str, float]:
        """What is asked of the face on screen: the sliders that do not show its own value, or stay where it was asked
        for."""
        rows = zip(self.faces.attributes, map(as_value, sliders), strict=True)
        own, asked = self.faces.own_values(shown.seed), shown.targets
        return {
            name: value
            for name, value in rows
            if value is not None and (value != own[name] or value == asked.get(name))
        }

    def explain(self, answered: object, *sliders: object) -> str:
        """How far the face on screen goes with what it missed: costly, so it follows the picture."""
        return views.remark(views.reach(self.faces, self._shown(answered, sliders)))

    def download(self, size: int, answered: object, *sliders: object) -> str:
        """The face on screen as "<file name>|<PNG in base64>", marked as synthetic, with the link in it."""
        state = self._shown(answered, sliders)
        picture = enlarged(self.faces.face(state.seed, state.targets).image[0], size)
        png = marked_png(picture, state.link(self.faces.weights))
        return f"expressions-{state.seed}-{size}.png|{base64.b64encode(png).decode()}"

    def _shown(self, answered: object, sliders: Sequence[object]) -> State:
        """The face on screen, as one looks at it alone."""
        shown, _ = parse_link(str(answered).partition("?")[2], self.faces.attributes, self.first)
        return State(shown.seed, self._moved(shown, sliders))
