"""The faces of the page and of its API: each follows from seeds and values alone, so it can be remembered."""

import base64
import functools
import io
from dataclasses import replace

import torch
from PIL import Image

from ..editor import Editor
from ..latents import slerp, to_normal, to_uniform
from ..solver import Look
from .controls import LABELS
from .state import State
from .xmp import marked_png

PICTURE_SIZE = 512  # pixels a side, as are the next two
THUMBNAIL_SIZE = 160
MORPH_SIZE = 256
REMEMBERED = 512  # faces


class FaceCache:
    """Draws and measures faces with one editor, and remembers them for the next who asks."""

    def __init__(self, editor: Editor) -> None:
        self.editor = editor
        self.attributes = tuple(name for name in LABELS if name in editor.attributes)  # that have sliders
        self.weights = editor.fingerprint()
        self._remembered = functools.lru_cache(REMEMBERED)(self._draw)

    def face(self, state: State) -> Look:
        """Draw what `Editor.render` draws, and measure it.

        Raises:
            ValueError: as for `Editor.render`.
        """
        return self._remembered(state.seed, tuple(self.editor.checked_targets(state.targets).items()), state.attempts)

    def _draw(self, seed: int, targets: tuple[tuple[str, float], ...], attempts: int) -> Look:
        if not targets:
            return self.editor.look(self.editor.latents(seed, attempts))
        face = self._remembered(seed, (), attempts)
        if len(targets) == 1:
            return self.editor.follow(face, dict(targets))
        # A visitor moves one slider at a time: what the others come to alone is remembered.
        alone = {name: self._remembered(seed, ((name, value),), attempts) for name, value in targets}
        return self.editor.combine(face, dict(targets), alone)

    def values(self, face: Look) -> dict[str, float]:
        """Put the values of a face by attribute, from 0 to 100."""
        return dict(zip(self.editor.attributes, face.values.clamp(0, 100).tolist(), strict=True))

    def png(self, state: State, size: int) -> bytes:
        """Write a face as a file, with the mark."""
        return marked_png(self.editor.picture(self.face(state).image, size), state.link(self.weights))

    def morph(self, state: State, count: int = 24) -> list[Image.Image]:
        """The faces on the great circle between two seeds, both with the same targets, ends included."""
        start, end = (to_normal(self.face(replace(state, seed=seed)).z) for seed in (state.seed, state.to))
        path = torch.cat([slerp(start, end, step / (count - 1)) for step in range(count)])
        return [self.editor.picture(image, MORPH_SIZE) for image in self.editor.synthesize(to_uniform(path)).split(1)]


def data_url(data: bytes, kind: str) -> str:
    """A file for an <img> or a download: PNG, JPEG or WebP."""
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def jpeg_url(picture: Image.Image) -> str:
    """A picture for an <img>: JPEG without chroma subsampling, a fifth of PNG's size and a twentieth of its time."""
    file = io.BytesIO()
    picture.save(file, format="JPEG", quality=92, subsampling=0)
    return data_url(file.getvalue(), "jpeg")
