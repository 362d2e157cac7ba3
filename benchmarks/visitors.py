"""Visitors without a browser: each sends again, in a session of its own, what a page has sent in one."""

import asyncio
import itertools
import json
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpx

PATIENCE = 300.0  # seconds for one answer
PAUSE = 0.05  # seconds after an error, before a drag's next event


class ServerError(Exception):
    """The server answered with an error."""


class QueueFullError(ServerError):
    """The server turned an event away."""


@dataclass(frozen=True)
class Request:
    """What a page sends to a Gradio server at an event."""

    path: str
    body: dict[str, Any]

    @property
    def occasion(self) -> tuple[Any, ...]:
        """What caused it, and the texts in it: what the requests of one drag share, whose numbers differ."""
        cause = self.body["trigger_id"] if "trigger_id" in self.body else self.body["fn_name"]
        return cause, *(value for value in self.body["data"] if isinstance(value, str))


class Visitor:
    """One open page: its session, and what its drags met."""

    def __init__(self, url: str) -> None:
        self._client = httpx.AsyncClient(base_url=url, timeout=PATIENCE)
        self._session = uuid.uuid4().hex
        self.answers = 0
        self.errors = Counter[str]()

    async def close(self) -> None:
        await self._client.aclose()

    async def send(self, request: Request) -> None:
        """Wait for the picture that answers a request.

        Raises:
            QueueFullError: the queue admits no more.
            ServerError: the answer is an error, or has no picture.
        """
        answered = await self._client.post(request.path, json={**request.body, "session_hash": self._session})
        if answered.status_code == httpx.codes.SERVICE_UNAVAILABLE:
            raise QueueFullError(answered.text)
        if not answered.is_success:
            raise ServerError(answered.text)
        output = answered.json()
        if "event_id" in output:  # it is in Gradio's queue
            output = await self._from_queue()
        if "data:image" in str(output):
            return
        told = str(output.get("error", "an answer without a picture"))
        raise QueueFullError(told) if "waiting already" in told else ServerError(told)

    async def _from_queue(self) -> Any:
        messages = {"session_hash": self._session}
        async with self._client.stream("GET", "/gradio_api/queue/data", params=messages) as stream:
            async for line in stream.aiter_lines():
                message = json.loads(line.removeprefix("data: ")) if line else {"msg": ""}
                if message["msg"] in ("process_completed", "unexpected_error"):
                    return message.get("output", message)
        raise ServerError("no answer")

    async def drag(self, requests: Sequence[Request], until: float) -> None:
        """Send the next of these whenever the last was answered, over and over, until a time of `time.perf_counter`."""
        for request in itertools.cycle(requests):
            if time.perf_counter() >= until:
                return
            try:
                await self.send(request)
                self.answers += 1
            except (ServerError, httpx.HTTPError) as error:
                self.errors[f"{type(error).__name__}: {error}"] += 1
                await asyncio.sleep(PAUSE)
