"""The faces of the page and of its programs: each answer follows from seeds and values alone."""

import base64
import copy
import functools
import io
from collections.abc import Iterable, Mapping, Sequence

import torch
from PIL import Image
from torch import Tensor

from ..editor import Editor, Look
from ..images import to_pil
from ..latents import MAX_SEED, slerp, to_normal, to_uniform
from ..networks.layout import has_fast_bf16
from .controls import LABELS
from .state import as_seed
from .xmp import xmp_packet

PICTURE_SIZE = 512
DRAFT_SIZE = 256
THUMBNAIL_SIZE = 160
MORPH_SIZE = 256
STRIP = (0, 13, 25, 38, 50, 63, 75, 88, 100)  # values of a filmstrip
MAP = (0, 25, 50, 75, 100)  # values on either axis of a map
SHEET = 24  # seeds of a sheet
TOLERANCE = 3  # a value further than this from what was asked is a miss
_FRAME = 60  # milliseconds of a morph's picture
_REST = 600  # milliseconds of its first and last


class Faces:
    """Everything that is drawn with one editor, remembered for the next who asks.

    Args:
        editor: draws and measures.
    """

    def __init__(self, editor: Editor) -> None:
        self.editor = editor
        self.attributes = tuple(name for name in LABELS if name in editor.attributes)
        self.weights = editor.fingerprint()
        self._precision = torch.bfloat16 if has_fast_bf16("cpu") else torch.float32
        self._sketcher = copy.deepcopy(editor.generator).to(self._precision)
        self._drawn = functools.lru_cache(maxsize=512)(self._draw)
        self.reach = functools.lru_cache(maxsize=1024)(self._reach)

    def face(self, seed: int, targets: Mapping[str, float]) -> Look:
        """What `Editor.render` draws, measured.

        Raises:
            ValueError: as for `Editor.render`.
        """
        return self._drawn(seed, tuple(self.editor.checked_targets(targets).items()))

    def _draw(self, seed: int, targets: tuple[tuple[str, float], ...]) -> Look:
        if not targets:
            return self.editor.look(self.editor.latents(seed))
        return self.editor.follow(self._drawn(seed, ()), dict(targets))

    @torch.no_grad()
    def draft(self, seed: int, targets: Mapping[str, float]) -> Tensor:
        """The image (3, 64, 64) of roughly that face, in a fraction of the time: what a drag shows on its way."""
        z = self.editor.sketch(self._drawn(seed, ()), targets)
        image: Tensor = self._sketcher(z.to(self._precision)).float()[0]
        return image

    def values(self, face: Look) -> dict[str, float]:
        """The value of every attribute, from 0 to 100."""
        return dict(zip(self.editor.attributes, face.values.clamp(0, 100).tolist(), strict=True))

    def own_values(self, seed: int) -> dict[str, int]:
        """What the sliders show while the face of a seed is unedited."""
        values = self.values(self.face(seed, {}))
        return {name: round(values[name]) for name in self.attributes}

    def _reach(self, seed: int, name: str) -> tuple[float, float]:
        """The least and the greatest value that a slider alone can bring the face of a seed to."""
        low, high = self.editor.reach(self.editor.latents(seed), name)[0].tolist()
        return low, high

    def missed(self, targets: Mapping[str, float], values: Mapping[str, float]) -> list[str]:
        """The attributes whose values are not what was asked."""
        return [name for name, target in targets.items() if abs(values[name] - target) > TOLERANCE]

    # Several faces ------------------------------------------------------------------------------

    def strip(self, seed: int, targets: Mapping[str, float], name: str, values: Iterable[float] = STRIP) -> list[Look]:
        """One face with one attribute at each of the values, the other targets as they are."""
        return [self.face(seed, {**targets, name: value}) for value in values]

    def map(self, seed: int, targets: Mapping[str, float], across: str, down: str) -> list[list[Look]]:
        """One face with two attributes at each pair of `MAP`'s values, in rows from the highest value of `down`."""
        return [self.strip(seed, {**targets, down: value}, across, MAP) for value in reversed(MAP)]

    def sheet(self, seed: int, count: int = SHEET) -> list[tuple[int, Look]]:
        """The faces of a seed and those after it; after the last seed comes 0."""
        seeds = [(seed + step) % (MAX_SEED + 1) for step in range(count)]
        return [(number, self.face(number, {})) for number in seeds]

    def morph(self, seed: int, to: int, targets: Mapping[str, float], count: int = 24) -> list[Image.Image]:
        """The faces on the great circle between two seeds, both with the same targets, ends included."""
        start, end = (to_normal(self.face(end, targets).z) for end in (seed, to))
        path = torch.cat([slerp(start, end, step / (count - 1)) for step in range(count)])
        return [enlarged(image, MORPH_SIZE) for image in self.editor.synthesize(to_uniform(path))]


def enlarged(image: Tensor, size: int = PICTURE_SIZE) -> Image.Image:
    """An image (3, 64, 64) in [-1, 1] as a picture of another size."""
    return to_pil(image).resize((size, size), Image.Resampling.LANCZOS)


def data_url(picture: Image.Image) -> str:
    """A picture for an <img>: JPEG without chroma subsampling, a fifth of PNG's size and a twentieth of its time."""
    file = io.BytesIO()
    picture.save(file, format="JPEG", quality=92, subsampling=0)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"


def loop(pictures: Sequence[Image.Image], recipe: str) -> bytes:
    """A WebP that goes through the pictures and back, for ever, marked as synthetic."""
    there_and_back = [*pictures, *pictures[-2:0:-1]]
    durations = [_FRAME] * len(there_and_back)
    durations[0] = durations[len(pictures) - 1] = _REST
    file = io.BytesIO()
    there_and_back[0].save(
        file,
        format="WEBP",
        save_all=True,
        append_images=there_and_back[1:],
        duration=durations,
        loop=0,
        quality=85,
        method=2,
        xmp=xmp_packet(recipe).encode(),
    )
    return file.getvalue()


def checked_seed(given: object, name: str = "seed") -> int:
    """Let a seed through.

    Raises:
        ValueError: it is none.
    """
    seed = as_seed(given)
    if seed is None:
        raise ValueError(f"{name}: {SEED_RULE} This is none: {str(given)[:40]!r}.")
    return seed


SEED_RULE = f"A seed is a whole number from 0 to {MAX_SEED}."
