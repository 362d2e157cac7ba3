"""What programs can ask for, over HTTP, with gradio_client or as MCP tools: the public endpoints of the page."""

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ParamSpec, TypeVar

import gradio as gr
from gradio.processing_utils import save_file_to_cache
from gradio.utils import get_upload_folder

from ..attributes import COUPLED
from ..editor import Look
from .controls import LABELS, label
from .faces import SEED_RULE, Faces, checked_seed, enlarged, loop
from .state import DECIMALS, FIRST_SEED, State
from .xmp import marked_png

MOST_STEPS = 21
MOST_FRAMES = 48
MOST_SEEDS = 64
_CHANGES = {"type": "object", "additionalProperties": {"type": "number", "minimum": 0, "maximum": 100}}
_SEEDS = {"type": "array", "items": {"type": "integer"}, "minItems": 1, "maxItems": MOST_SEEDS}
Given = ParamSpec("Given")
Answer = TypeVar("Answer")


def sentences(answer: Callable[Given, Answer]) -> Callable[Given, Answer]:
    """Turn what is wrong with a request into the sentence that its sender gets."""

    @functools.wraps(answer)
    def told(*args: Given.args, **kwargs: Given.kwargs) -> Answer:
        try:
            return answer(*args, **kwargs)
        except ValueError as error:
            raise gr.Error(str(error), print_exception=False) from error

    return told


class Programs:
    """The endpoints, answered from `faces`."""

    def __init__(self, faces: Faces) -> None:
        self.faces = faces

    @sentences
    def generate(self, seed: object, attributes: object = None) -> str:
        """Draw a synthetic face.

        Args:
            seed: a whole number from 0 to 4294967295.
            attributes: what to change, as values from 0 to 100 by attribute: {"Smiling": 90}.
        """
        number, targets = checked_seed(seed), self._targets(attributes)
        return self._png(number, targets, self.faces.face(number, targets))

    @sentences
    def measure(self, seed: object, attributes: object = None) -> dict[str, float]:
        """Measure every attribute of a synthetic face, each from 0 to 100.

        Args:
            seed: a whole number from 0 to 4294967295.
            attributes: what to change first, as values from 0 to 100 by attribute: {"Smiling": 90}.
        """
        face = self.faces.face(checked_seed(seed), self._targets(attributes))
        return {name: round(value, 2) for name, value in self.faces.values(face).items()}

    @sentences
    def sweep(
        self, seed: object, attribute: object = "Smiling", steps: object = 9, attributes: object = None
    ) -> list[tuple[str, str]]:
        """Draw one synthetic face with one attribute going from 0 to 100.

        Args:
            seed: a whole number from 0 to 4294967295.
            attribute: which one, in CelebA's spelling: "Smiling".
            steps: how many faces, from 2 to 21.
            attributes: what else to change, as values from 0 to 100 by attribute: {"Young": 20}.

        Returns:
            The faces, each with the value that was measured in it.
        """
        number, targets = checked_seed(seed), self._targets(attributes)
        name = self.faces.editor.checked_attribute(str(attribute), "attribute")
        count = _checked_count(steps, "steps", 2, MOST_STEPS)
        values = [round(100 * step / (count - 1), DECIMALS) for step in range(count)]
        faces = self.faces.strip(number, targets, name, values)
        return [
            (
                self._png(number, {**targets, name: value}, face),
                f"{name} {value:.0f}: {self.faces.values(face)[name]:.0f}",
            )
            for value, face in zip(values, faces, strict=True)
        ]

    @sentences
    def morph(self, seed: object, to: object, frames: object = 24, attributes: object = None) -> str:
        """Draw a loop from one synthetic face to another and back.

        Args:
            seed: a whole number from 0 to 4294967295.
            to: the seed of the other face.
            frames: pictures on the way there, from 2 to 48.
            attributes: what to change in both, as values from 0 to 100 by attribute: {"Smiling": 90}.

        Returns:
            An animated WebP.
        """
        start, end, targets = checked_seed(seed), checked_seed(to, "to"), self._targets(attributes)
        count = _checked_count(frames, "frames", 2, MOST_FRAMES)
        pictures = self.faces.morph(start, end, targets, count)
        link = State(start, targets, view="morph", to=end).link(self.faces.weights)
        return _file(loop(pictures, link), f"morph-{start}-{end}.webp")

    @sentences
    def batch(self, seeds: object, attributes: object = None) -> list[tuple[str, str]]:
        """Draw several synthetic faces, all with the same changes.

        Args:
            seeds: up to 64 whole numbers from 0 to 4294967295: [7, 8, 9].
            attributes: what to change, as values from 0 to 100 by attribute: {"Smiling": 90}.
        """
        if not isinstance(seeds, list) or not 1 <= len(seeds) <= MOST_SEEDS:
            raise ValueError(f"seeds: a list of 1 to {MOST_SEEDS} seeds, such as [7, 8, 9]. {SEED_RULE}")
        numbers, targets = [checked_seed(seed) for seed in seeds], self._targets(attributes)
        return [(self._png(number, targets, self.faces.face(number, targets)), str(number)) for number in numbers]

    def attributes(self) -> list[dict[str, Any]]:
        """List the attributes that can be measured and changed, and what may change along with each."""
        return [
            {"name": name, "label": label(name), "slider": name in LABELS, "along": sorted(COUPLED.get(name, ()))}
            for name in self.faces.editor.attributes
        ]

    def _targets(self, given: object) -> dict[str, float]:
        """Let targets through, as precise as a link has them."""
        if not isinstance(given, Mapping | None):
            raise ValueError('attributes: values by name, such as {"Smiling": 90}.')
        targets = self.faces.editor.checked_targets(given or {}, "attributes")
        return {name: round(value, DECIMALS) for name, value in targets.items()}

    def _png(self, seed: int, targets: Mapping[str, float], face: Look) -> str:
        link = State(seed, targets).link(self.faces.weights)
        return _file(marked_png(enlarged(face.image[0]), link), f"face-{seed}.png")


def add_endpoints(programs: Programs) -> None:
    """Publish them; the components say what goes in and out, and are shown to nobody."""

    def seed(name: str = "seed", value: int = FIRST_SEED) -> gr.Number:
        return gr.Number(value, precision=0, label=name)

    def changes() -> gr.JSON:
        return _described(gr.JSON({}, label="attributes"), _CHANGES)

    seeds = _described(gr.JSON([7, 8, 9], label="seeds"), _SEEDS)
    endpoints: list[tuple[Callable[..., Any], list[gr.Component], gr.Component]] = [
        (programs.generate, [seed(), changes()], gr.Image(format="png", label="picture")),
        (programs.measure, [seed(), changes()], gr.JSON(label="values")),
        (
            programs.sweep,
            [seed(), gr.Textbox("Smiling", label="attribute"), gr.Number(9, precision=0, label="steps"), changes()],
            gr.Gallery(format="png", label="faces"),
        ),
        (
            programs.morph,
            [seed(), seed("to", FIRST_SEED + 1), gr.Number(24, precision=0, label="frames"), changes()],
            gr.File(label="loop"),
        ),
        (programs.batch, [seeds, changes()], gr.Gallery(format="png", label="faces")),
        (programs.attributes, [], gr.JSON(label="attributes")),
    ]
    for answer, inputs, output in endpoints:
        gr.Button(answer.__name__).click(
            answer,
            inputs,
            output,
            preprocess=False,  # a component that rejects a value answers in its own words
            concurrency_id="programs",  # one at a time, so that visitors do not wait for them
            concurrency_limit=1,
            api_name=answer.__name__,
        )


def _described(component: gr.JSON, schema: dict[str, Any]) -> gr.JSON:
    """Let a component's schema say what its JSON holds; a subclass would be taken for somebody else's component."""
    component.api_info = lambda: schema  # type: ignore[method-assign]
    return component


def _checked_count(given: object, name: str, least: int, most: int) -> int:
    if isinstance(given, bool) or not isinstance(given, int | float) or given not in range(least, most + 1):
        raise ValueError(f"{name}: a whole number from {least} to {most}, got {str(given)[:40]!r}.")
    return int(given)  # 9.0 is a whole number too


def _file(data: bytes, name: str) -> str:
    """Write an answer, whole, where Gradio looks for its files and removes old ones: the same one may be on its way to
    somebody else."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(data)
        return save_file_to_cache(path, get_upload_folder())
