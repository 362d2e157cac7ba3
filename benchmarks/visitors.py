"""Visitors without a browser: they speak with a Gradio server as its page does, through the queue or around it.

What a slider calls, and with which values, is read from the page's own description, /config.
"""

import asyncio
import json
import random
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx

FACE = "face"  # elem_id of the picture
ASKED = "Asked"  # label of the box that asks for a face; a page without one is visited all the same
PATIENCE = 300.0  # seconds for one answer
STEP = 3  # of a slider's values from one event of a drag to the next; odd, for empty_page.py
PAUSE = 0.05  # seconds after an error, before a drag's next event

Value = Any  # of a component, as JSON gives it


class ServerError(Exception):
    """The server answered with an error."""


class QueueFullError(ServerError):
    """The server turned an event away."""


class PageConfig:
    """What a page consists of, and which functions of the server its events call."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.components = {component["id"]: component for component in config["components"]}
        self.functions = [function for function in config["dependencies"] if function["backend_fn"]]
        self.face = next(key for key in self.components if self.props(key).get("elem_id") == FACE)

    def props(self, key: int) -> dict[str, Any]:
        props: dict[str, Any] = self.components[key]["props"]
        return props

    def called_by(self, event: str, key: int | None = None) -> list[dict[str, Any]]:
        """The functions that an event of a component calls (of any, without `key`), then those that follow them."""
        called = [
            function
            for function in self.functions
            if any(name == event and key in (None, target) for target, name in function["targets"])
        ]
        for function in called:
            called += [after for after in self.functions if after["trigger_after"] == function["id"]]
        return called

    def sliders(self) -> list[int]:
        """The sliders that change the face."""
        return [
            key
            for key, component in self.components.items()
            if component["type"] == "slider"
            and any(self.face in function["outputs"] for function in self.called_by("input", key))
        ]

    def asked(self) -> int | None:
        """The box that asks for another face."""
        return next((key for key in self.components if self.props(key).get("label") == ASKED), None)


class Visitor:
    """One open page: its values and its session."""

    def __init__(self, url: str, number: int = 0) -> None:
        self.number = number
        self._client = httpx.AsyncClient(base_url=url, timeout=PATIENCE)
        self._session = uuid.uuid4().hex
        self._random = random.Random(number)  # noqa: S311, nothing is secret here

    async def open(self) -> None:
        """Load the page, then ask for this visitor's own face."""
        self.page = PageConfig((await self._client.get("/config")).json())
        self.values: dict[int, Value] = {key: self.page.props(key).get("value") for key in self.page.components}
        await self.fire("load")
        asked = self.page.asked()
        if asked is not None:
            self.values[asked] = f"1?seed={self.number}"
            await self.fire("change", asked)

    @property
    def picture(self) -> str:
        """The HTML that holds it."""
        return str(self.values[self.page.face])

    async def close(self) -> None:
        await self._client.aclose()

    async def fire(self, event: str, key: int | None = None) -> None:
        """Do what the page does at an event: call its functions, take their answers over, and go on from what changed.

        Raises:
            ServerError: the answer is an error.
            QueueFullError: the queue admits no more.
        """
        for function in self.page.called_by(event, key):
            answers = await self._call(function, key)
            changed = []
            for output, answer in zip(function["outputs"], answers, strict=True):
                is_update = isinstance(answer, dict) and answer.get("__type__") == "update"
                value = answer.get("value", self.values[output]) if is_update else answer
                if value != self.values[output]:
                    self.values[output] = value
                    changed.append(output)
            for output in changed:
                await self.fire("change", output)

    async def _call(self, function: dict[str, Any], key: int | None) -> list[Value]:
        """Send a function its inputs; what it answers for its outputs."""
        request = {
            "data": [self.values[key] for key in function["inputs"]],
            "fn_index": function["id"],
            "session_hash": self._session,
            "trigger_id": key,
            "event_data": None,
        }
        send = self._queue if function["queue"] else self._run
        answers: list[Value] = (await send(request))["data"]
        return answers

    async def _run(self, request: dict[str, Any]) -> dict[str, Value]:
        answered = await self._client.post("/gradio_api/run/predict", json=request)
        if not answered.is_success:
            raise ServerError(answered.text)
        output: dict[str, Value] = answered.json()
        return output

    async def _queue(self, request: dict[str, Any]) -> dict[str, Value]:
        joined = await self._client.post("/gradio_api/queue/join", json=request)
        if not joined.is_success:
            kind = QueueFullError if joined.status_code == httpx.codes.SERVICE_UNAVAILABLE else ServerError
            raise kind(str(joined.json()["detail"]))
        output: dict[str, Value] = {"error": "no answer"}
        messages = {"session_hash": self._session}
        async with self._client.stream("GET", "/gradio_api/queue/data", params=messages) as stream:
            async for line in stream.aiter_lines():
                message: dict[str, Value] = json.loads(line.removeprefix("data: ")) if line else {"msg": ""}
                if message["msg"] == "process_completed":
                    output = message["output"]
                elif message["msg"] == "unexpected_error":
                    output = {"error": message["message"]}
        if "data" not in output:
            raise ServerError(str(output["error"]))
        return output

    def moves(self) -> Iterator[tuple[int, int]]:
        """Drag one slider after the other up, down, and back to where it was: sliders and values, without end."""
        sliders = self.page.sliders()
        while True:
            slider = self._random.choice(sliders)
            start = round(self.values[slider])
            way = [*range(start + STEP, 100, STEP), *range(100, 0, -STEP), *range(0, start, STEP), start]
            yield from ((slider, value) for value in way)


@dataclass
class Drag:
    """What one visitor met in dragging: the seconds of each answered event, and the errors."""

    seconds: list[float] = field(default_factory=list)
    changes: int = 0  # answers that brought another picture
    errors: list[str] = field(default_factory=list)

    async def go(self, visitor: Visitor, until: float) -> None:
        """Send the next event whenever the last was answered, until a time of `time.perf_counter`."""
        for slider, value in visitor.moves():
            start, before = time.perf_counter(), visitor.picture
            if start >= until:
                return
            visitor.values[slider] = value
            try:
                await visitor.fire("input", slider)
            except (ServerError, httpx.HTTPError) as error:
                self.errors.append(f"{type(error).__name__}: {error}")
                await asyncio.sleep(PAUSE)
            else:
                self.seconds.append(time.perf_counter() - start)
                self.changes += visitor.picture != before
