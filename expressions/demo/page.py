"""What the server answers to the page: pictures and what was measured in them, for states as JSON."""

import functools
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from .faces import PICTURE_SIZE, THUMBNAIL_SIZE, FaceCache, data_url, jpeg_url
from .state import State, read_state
from .turns import BusyError, Turns
from .xmp import marked_loop

MOST_FACES = 25  # in one answer: those of a map
PICTURES = (THUMBNAIL_SIZE, PICTURE_SIZE)  # sizes that faces are shown at; for any other, their values alone are sent
DOWNLOADS = (64, 256, 512)

Given = Mapping[str, Any]  # a request as JSON, with what server.js names; whatever it holds, no answer raises


class Page:
    """The answers. The page makes all that it shows, but morphs, of `faces`."""

    def __init__(self, faces: FaceCache) -> None:
        self._cache = faces

    def faces(self, given: Given) -> list[dict[str, Any]]:
        """Draw faces at one size, and measure them."""
        asked = given.get("states")
        states = asked[:MOST_FACES] if isinstance(asked, list) else []
        return [self._face(read_state(state, self._cache.attributes), given.get("size")) for state in states]

    def _face(self, state: State, size: object) -> dict[str, Any]:
        look = self._cache.face(state)
        pictures = [jpeg_url(self._cache.editor.picture(look.image, shown)) for shown in PICTURES if shown == size]
        return {"src": pictures[0] if pictures else "", "values": self._cache.values(look)}

    def morph(self, given: Given) -> dict[str, str]:
        """Draw the loop to the face of another seed, with the mark, and the picture in its middle."""
        state = replace(self._state(given), view="morph")
        pictures = self._cache.morph(state)
        loop = marked_loop(pictures, state.link(self._cache.weights))
        still = jpeg_url(pictures[len(pictures) // 2])
        return {"src": data_url(loop, "webp"), "still": still, "name": f"morph-{state.seed}-{state.to}.webp"}

    def png(self, given: Given) -> dict[str, str]:
        """Write a face as a file, with the mark."""
        state, size = self._state(given), given.get("size")
        side = size if size in DOWNLOADS else DOWNLOADS[0]
        return {"name": f"expressions-{state.seed}-{side}.png", "src": data_url(self._cache.png(state, side), "png")}

    def _state(self, given: Given) -> State:
        return read_state(given.get("state"), self._cache.attributes)


def in_turn(answer: Callable[[Given], Any], turns: Turns) -> Callable[[object], Awaitable[Any]]:
    """Make an answer a server function of Gradio, which is told where all places are taken."""

    @functools.wraps(answer)
    async def answer_in_turn(given: object) -> Any:
        try:
            return await turns.take(functools.partial(answer, given if isinstance(given, dict) else {}))
        except BusyError as error:
            return {"error": str(error)}

    return answer_in_turn
