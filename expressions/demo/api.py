"""The public endpoints: what programs ask for over HTTP, with gradio_client or as MCP tools."""

import functools
import inspect
import json
from collections.abc import Awaitable, Callable, Collection
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import gradio as gr
from gradio.processing_utils import save_file_to_cache
from gradio.utils import get_upload_folder

from ..attributes import COUPLED
from ..checks import checked_whole
from ..latents import MAX_ATTEMPTS, MAX_SEED
from .controls import LABELS, label
from .faces import PICTURE_SIZE, FaceCache
from .state import ATTEMPTS, DECIMALS, FIRST_SEED, State, as_whole
from .turns import Turns
from .xmp import marked_loop

MOST_STEPS = 21
MOST_FRAMES = 48
MOST_SEEDS = 64
_CHANGES = {"type": "object", "additionalProperties": {"type": "number", "minimum": 0, "maximum": 100}}
_SEEDS = {"type": "array", "items": {"type": "integer"}, "minItems": 1, "maxItems": MOST_SEEDS}


class Api:
    """The endpoints. Programs are shown their names, parameters and docstrings.

    Each raises a ValueError that says what is wrong with its arguments.
    """

    def __init__(self, faces: FaceCache) -> None:
        self.faces = faces

    def generate(self, seed: object, attributes: object = None, attempts: object = MAX_ATTEMPTS) -> str:
        """Draw a synthetic face.

        Args:
            seed: a whole number from 0 to 4294967295.
            attributes: what to change, as values from 0 to 100 by attribute: {"Smiling": 90}.
            attempts: 8 takes the first sound one of the seed's eight draws, 1 its first, sound or not.
        """
        return self._png(self._state(seed, attributes, attempts))

    def measure(self, seed: object, attributes: object = None, attempts: object = MAX_ATTEMPTS) -> dict[str, float]:
        """Measure every attribute of a synthetic face, each from 0 to 100.

        Args:
            seed: a whole number from 0 to 4294967295.
            attributes: what to change first, as values from 0 to 100 by attribute: {"Smiling": 90}.
            attempts: 8 takes the first sound one of the seed's eight draws, 1 its first, sound or not.
        """
        face = self.faces.face(self._state(seed, attributes, attempts))
        return {name: round(value, 2) for name, value in self.faces.values(face).items()}

    def sweep(
        self,
        seed: object,
        attribute: object = "Smiling",
        steps: object = 9,
        attributes: object = None,
        attempts: object = MAX_ATTEMPTS,
    ) -> list[tuple[str, str]]:
        """Draw one synthetic face with one attribute going from 0 to 100.

        Args:
            seed: a whole number from 0 to 4294967295.
            attribute: which one, in CelebA's spelling: "Smiling".
            steps: how many faces, from 2 to 21.
            attributes: what else to change, as values from 0 to 100 by attribute: {"Young": 20}.
            attempts: 8 takes the first sound one of the seed's eight draws, 1 its first, sound or not.

        Returns:
            The faces, each with the value that was measured in it.
        """
        start = self._state(seed, attributes, attempts)
        name = self.faces.editor.checked_attribute(str(attribute), "attribute")
        count = _whole(steps, "steps", 2, MOST_STEPS)
        answers = []
        for step in range(count):
            value = round(100 * step / (count - 1), DECIMALS)
            state = replace(start, targets={**start.targets, name: value})
            measured = self.faces.values(self.faces.face(state))[name]
            answers.append((self._png(state), f"{name} {value:.0f}: {measured:.0f}"))
        return answers

    def morph(
        self,
        seed: object,
        to: object,
        frames: object = 24,
        attributes: object = None,
        attempts: object = MAX_ATTEMPTS,
    ) -> str:
        """Draw a loop from one synthetic face to another and back.

        Args:
            seed: a whole number from 0 to 4294967295.
            to: the seed of the other face.
            frames: pictures on the way there, from 2 to 48.
            attributes: what to change in both, as values from 0 to 100 by attribute: {"Smiling": 90}.
            attempts: 8 takes the first sound one of each seed's eight draws, 1 its first, sound or not.

        Returns:
            An animated WebP.
        """
        state = replace(self._state(seed, attributes, attempts), view="morph", to=_whole(to, "to"))
        pictures = self.faces.morph(state, _whole(frames, "frames", 2, MOST_FRAMES))
        return _file(marked_loop(pictures, state.link(self.faces.weights)), f"morph-{state.seed}-{state.to}.webp")

    def batch(self, seeds: object, attributes: object = None, attempts: object = MAX_ATTEMPTS) -> list[tuple[str, str]]:
        """Draw several synthetic faces, all with the same changes.

        Args:
            seeds: up to 64 whole numbers from 0 to 4294967295: [7, 8, 9].
            attributes: what to change, as values from 0 to 100 by attribute: {"Smiling": 90}.
            attempts: 8 takes the first sound one of each seed's eight draws, 1 its first, sound or not.
        """
        seeds = _parsed(seeds)
        if not isinstance(seeds, list) or not 1 <= len(seeds) <= MOST_SEEDS:
            raise ValueError(f"seeds must be a list of 1 to {MOST_SEEDS} seeds, such as [7, 8, 9]")
        states = [self._state(seed, attributes, attempts) for seed in seeds]
        return [(self._png(state), str(state.seed)) for state in states]

    def attributes(self) -> list[dict[str, Any]]:
        """List the attributes that can be measured and changed, and what may change along with each."""
        return [
            {"name": name, "label": label(name), "slider": name in LABELS, "along": sorted(COUPLED.get(name, ()))}
            for name in self.faces.editor.attributes
        ]

    def _state(self, seed: object, attributes: object, attempts: object) -> State:
        """What a face is asked for by."""
        number = _whole(attempts, "attempts", 1, MAX_ATTEMPTS)
        if number not in ATTEMPTS:
            raise ValueError(f"attempts must be 1 or {MAX_ATTEMPTS}, got {number}")
        return State(_whole(seed, "seed"), self._targets(attributes), attempts=number)

    def _targets(self, given: Any) -> dict[str, float]:
        """Let targets through, rounded to what a link can hold."""
        given = _parsed(given)
        if isinstance(given, dict):
            given = {name: _parsed(value) for name, value in given.items()}
        targets = self.faces.editor.checked_targets({} if given is None else given, "attributes")
        return {name: round(value, DECIMALS) for name, value in targets.items()}

    def _png(self, state: State) -> str:
        return _file(self.faces.png(state, PICTURE_SIZE), f"face-{state.seed}.png")


def add_endpoints(api: Api, turns: Turns) -> None:
    """Publish the endpoints; their components, which nobody sees, describe what goes in and out.

    Args:
        api: what answers.
        turns: that calls take, over HTTP and as tools together.
    """

    def number(name: str, value: int) -> gr.Number:
        return gr.Number(value, precision=0, label=name)

    with gr.Row(visible=False):
        seeds = _described(gr.JSON([7, 8, 9], label="seeds"), _SEEDS)
        attribute = gr.Textbox("Smiling", label="attribute")
        seed, to = number("seed", FIRST_SEED), number("to", FIRST_SEED + 1)
        frames, steps = number("frames", 24), number("steps", 9)
        how = [_described(gr.JSON({}, label="attributes"), _CHANGES), number("attempts", MAX_ATTEMPTS)]
        endpoints: list[tuple[Callable[..., Any], list[gr.Component], gr.Component]] = [
            (api.generate, [seed, *how], gr.Image(format="png", label="picture")),
            (api.measure, [seed, *how], gr.JSON(label="values")),
            (api.sweep, [seed, attribute, steps, *how], gr.Gallery(format="png", label="faces")),
            (api.morph, [seed, to, frames, *how], gr.File(label="loop")),
            (api.batch, [seeds, *how], gr.Gallery(format="png", label="faces")),
            (api.attributes, [], gr.JSON(label="attributes")),
        ]
        for endpoint, inputs, output in endpoints:
            gr.Button(endpoint.__name__).click(
                _in_turn(endpoint, turns),
                inputs,
                output,
                preprocess=False,  # a component that rejects a value answers in its own words
                concurrency_id="programs",
                concurrency_limit=1,
                api_name=endpoint.__name__,
            )


def check_names(endpoint: Callable[..., Any], given: Collection[str]) -> None:
    """Refuse names of arguments that an endpoint does not have, or that lack one which it needs.

    Raises:
        ValueError: so it is.
    """
    name, known = endpoint.__name__, inspect.signature(endpoint).parameters
    for argument in given:
        if argument not in known:
            raise ValueError(f"{name} takes no {argument!r:.40}; it takes {', '.join(known) or 'nothing'}")
    for argument, parameter in known.items():
        if parameter.default is parameter.empty and argument not in given:
            raise ValueError(f"{name} needs {argument!r}")


def check_count(endpoint: Callable[..., Any], given: object) -> None:
    """Refuse a list that has not one value for every argument of an endpoint.

    Raises:
        ValueError: so it is.
    """
    known = inspect.signature(endpoint).parameters
    if isinstance(given, list) and len(given) != len(known):
        names = ", ".join(known) or "none"
        raise ValueError(f"{endpoint.__name__} takes {len(known)} values in a list ({names}), got {len(given)}")


def _in_turn(endpoint: Callable[..., Any], turns: Turns) -> Callable[..., Awaitable[Any]]:
    """Answer a program in its turn.

    What is wrong with a call is said in Gradio's own exception, the only one whose words it passes on.
    """

    @functools.wraps(endpoint)
    async def answer(*given: object, **named: object) -> Any:
        try:
            return await turns.take(functools.partial(endpoint, *given, **named))
        except ValueError as error:
            raise gr.Error(str(error), print_exception=False) from error

    return answer


def _described(component: gr.JSON, schema: dict[str, Any]) -> gr.JSON:
    """Let a component say what its JSON holds; Gradio would take a subclass for somebody else's component."""
    component.api_info = lambda: schema  # type: ignore[method-assign]
    return component


def _whole(given: object, name: str, least: int = 0, most: int = MAX_SEED) -> int:
    """Let a whole number through, a seed if no other range is given."""
    return checked_whole(as_whole(_parsed(given)), name, least, most)


def _parsed(given: object) -> object:
    """What a text of JSON says, since language models write "7" for 7 and an object as a text. Other texts stay."""
    try:
        return json.loads(given) if isinstance(given, str) else given
    except (ValueError, RecursionError):
        return given


def _file(data: bytes, name: str) -> str:
    """Write an answer where Gradio looks for its files and removes old ones.

    It appears there as a whole, since somebody else may be reading the same one.
    """
    with TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(data)
        return save_file_to_cache(path, get_upload_folder())
