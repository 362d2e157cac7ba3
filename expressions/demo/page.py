"""What the page answers: one function of what its components hold, for every event."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import gradio as gr

from ..provenance import marked_png
from . import views
from .faces import SEED_RULE, Faces, enlarged
from .state import State, as_value, choose, first_state, parse_link

NO_RECIPE = "That picture carries no recipe: only downloads of this page do."
REST = "rest"
OTHER_WEIGHTS = "This link was made with other weights: its face may be another."
SIZES = (64, 256, 512)  # of downloads


class Page:
    """The answers to a visitor, from `faces`.

    A request is "<count>?<link>": its face is to be opened, and sliders follow it. "<count>?rest" asks the sliders that
    were moved of the face on screen. The page holds the last request, and "<count>?<link>" of the picture it shows: if
    their counts are the same, a slider is being dragged, and the answer is a draft.
    """

    def __init__(self, faces: Faces) -> None:
        self.faces = faces
        self.first = first_state(faces.attributes)
        self._unchanged: list[Any] = [gr.skip()] * (11 + len(faces.attributes))

    def answer(self, asked: object, answered: object, *held: object) -> list[Any]:
        """Answer the page.

        Args:
            asked: the last request.
            answered: the last one answered, with what its picture shows.
            held: view, attribute of the filmstrip, attributes across and down the map, seed to morph to, sliders.

        Returns:
            Stage, remark, changes, marks, link, request answered, then what is held.
        """
        view, strip, across, down, to, *sliders = held
        attributes = self.faces.attributes
        count, _, query = str(asked).partition("?")
        old_count, _, old_query = str(answered).partition("?")
        shown, _ = parse_link(old_query, attributes, self.first)
        current = choose(shown, attributes, view=view, strip=strip, across=across, down=down, to=to)
        current = replace(current, targets=self.moved(current.seed, sliders))
        if count == old_count:
            return self._draft(count, current) if current.targets != shown.targets else self._unchanged
        opens, remark = query != REST or not old_query, ""
        if opens:
            state, fields = parse_link(query, attributes, current)
            remark = self._problem(state, fields)
            opens = not old_query or not remark or remark == OTHER_WEIGHTS
            if remark and remark != OTHER_WEIGHTS:
                remark += f" This is still face {state.seed}."
        if not opens:
            state = current
        own = self.faces.own_values(state.seed)
        asked_of = {name: value for name, value in state.targets.items() if value != own[name]}
        state = replace(state, targets=asked_of)
        before, now = (self.faces.values(self.faces.face(state.seed, targets)) for targets in ({}, state.targets))
        options = [state.view, state.strip, state.across, state.down, state.to] if opens else [gr.skip()] * 5
        positions = [{**own, **state.targets}[name] if opens else gr.skip() for name in attributes]
        return [
            views.stage(self.faces, state),
            views.remark(remark or views.shortfall(self.faces, state)),
            views.changes(before, now, state.targets),
            views.marks(own),
            state.link(self.faces.weights),
            self._answered(count, state),
            *options,
            *positions,
        ]

    def _draft(self, count: str, state: State) -> list[Any]:
        """What follows a drag: a picture where it shows one face, and the link."""
        stage = views.draft(self.faces, state) if state.view in views.DRAFTED else gr.skip()
        link, answered = state.link(self.faces.weights), self._answered(count, state)
        return [stage, *self._unchanged[1:4], link, answered, *self._unchanged[6:]]

    def _answered(self, count: str, state: State) -> str:
        return count + State(state.seed, state.targets).link(self.faces.weights)

    def _problem(self, state: State, fields: Mapping[str, str]) -> str:
        """What is to be said of a request that was not, or not quite, understood."""
        if fields.get("recipe") == "none":
            return NO_RECIPE
        if "seed" in fields and fields["seed"] != str(state.seed):
            return SEED_RULE
        return OTHER_WEIGHTS if fields.get("weights", self.faces.weights) != self.faces.weights else ""

    def moved(self, seed: int, sliders: Sequence[object]) -> dict[str, float]:
        """What is asked of a face: the sliders that do not show its own value."""
        rows = zip(self.faces.attributes, map(as_value, sliders), strict=True)
        own = self.faces.own_values(seed)
        return {name: value for name, value in rows if value is not None and value != own[name]}

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
        shown, _ = parse_link(str(answered).partition("?")[2], (), self.first)
        return State(shown.seed, self.moved(shown.seed, sliders))
