"""The endpoints as programs reach them: as tools of Gradio's MCP server, and over plain HTTP."""

import asyncio
import base64
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.route_utils import get_root_url

from .api import check_count, check_names

_MCP = "/gradio_api/mcp"
_EVENT = re.compile(r"/gradio_api/call/(?:v2/)?[^/]+/([^/]+)$")
_CALL = re.compile(r"/gradio_api/call/(?P<named>v2/)?(?P<name>[^/]+)/?$")  # arguments by name, or in a list


def app_options(demo: gr.Blocks, places: int) -> dict[str, Any]:
    """What `launch` is to make its app with, so that programs get the answers of these endpoints.

    Args:
        demo: the page, with the endpoints.
        places: calls of tools that may wait; the next one is told so.
    """

    @asynccontextmanager
    async def lifespan(_: object) -> AsyncIterator[None]:
        server: Any = demo.mcp_server_obj
        # Gradio's own answers hold pictures encoded anew, without marks and moving frames, and Python for JSON.
        server.mcp_server.call_tool(validate_input=False)(Tools(server, places).call)
        yield

    endpoints = {fn.api_name: fn.fn for fn in demo.fns.values() if fn.api_visibility == "public"}
    return {"lifespan": lifespan, "middleware": [(Door, (), {"endpoints": endpoints, "queue": demo._queue})]}


class Tools:
    """Calls the endpoints for an MCP server, one at a time."""

    def __init__(self, server: Any, places: int) -> None:
        self.server = server
        self.places = places
        self._turn = asyncio.Semaphore()
        self._waiting = 0

    async def call(self, name: str, arguments: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        """Call a tool.

        Returns:
            The answer for a reader, with pictures as the marked files that they are, and for a program.

        Raises:
            ValueError: there is no such tool, its arguments make no sense, or too many calls are waiting.
        """
        names = self.server.tool_to_endpoint
        if name not in names:
            raise ValueError(f"there is no tool {name!r:.40}; there are {', '.join(names)}")
        if self._waiting >= self.places:
            raise ValueError(f"{self.places} calls are waiting already; call again later")
        endpoint = self.server.get_block_fn_from_endpoint_name(names[name]).fn
        given = {argument: value for argument, value in arguments.items() if value is not None}
        check_names(endpoint, given)
        self._waiting += 1
        try:
            async with self._turn:
                return self._told(await asyncio.to_thread(endpoint, **given))
        except gr.Error as error:
            raise ValueError(error.message) from error
        finally:
            self._waiting -= 1

    def _told(self, answer: Any) -> tuple[list[Any], dict[str, Any]]:
        """An endpoint's answer as the content of a tool's."""
        files = [(answer, None)] if isinstance(answer, str) else answer
        if isinstance(answer, dict):
            files, told = [], answer
        elif isinstance(files[0], dict):
            files, told = [], {"rows": answer}
        else:
            told = {"pictures": [{"caption": caption, "url": self._url(file)} for file, caption in files]}
        types = self.server.types
        pictures = [
            types.ImageContent(
                type="image",
                data=base64.b64encode(Path(file).read_bytes()).decode(),
                mimeType=f"image/{Path(file).suffix[1:]}",
            )
            for file, _ in files
        ]
        return [*pictures, types.TextContent(type="text", text=json.dumps(told))], told

    def _url(self, file: str) -> str:
        request = self.server.mcp_server.request_context.request
        root = get_root_url(request, self.server.get_route_path(request), self.server.root_path)
        return f"{root}/gradio_api/file={file}"


class Door:
    """What every request passes first, in the words of ASGI: Gradio stumbles over some.

    Args:
        app: what comes after it.
        endpoints: by name.
        queue: Gradio's.
    """

    def __init__(
        self, app: Callable[..., Awaitable[None]], endpoints: Mapping[str, Callable[..., Any]], queue: Any
    ) -> None:
        self.app = app
        self.endpoints = endpoints
        self.queue = queue

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        path = scope.get("path", "")
        if path.endswith(_MCP):  # it would be redirected to the address with a slash, but without a proxy's prefix
            scope = {**scope, "path": f"{path}/"}
        call = _CALL.search(path) if scope.get("method") == "POST" else None
        if call:
            messages = await _messages(receive)
            body = b"".join(message.get("body", b"") for message in messages)
            refusal = self._refusal(call["name"], body, is_named=bool(call["named"]))
            if refusal:
                await _refuse(send, refusal)
                return
            receive = _again(messages, receive)
        event = _EVENT.search(path) if scope.get("method") == "GET" else None
        if event and not self._is_known(event[1]):
            await _refuse(send, f"there is no event {event[1]!r:.40}, or its answer was fetched already")
            return
        await self.app(scope, receive, send)

    def _refusal(self, name: str, body: bytes, is_named: bool) -> str:
        """Why a request has no answer, if so: there is no such endpoint, or it does not have these arguments."""
        if name not in self.endpoints:
            return f"there is no endpoint {name!r:.40}; there are {', '.join(self.endpoints)}"
        try:
            given = json.loads(body or b"null")
            if isinstance(given, dict) and is_named:
                check_names(self.endpoints[name], given)
            elif isinstance(given, dict):
                check_count(self.endpoints[name], given.get("data"))
        except (ValueError, RecursionError) as error:
            return str(error)
        return ""

    def _is_known(self, event: str) -> bool:
        waiting = self.queue.pending_event_ids_session
        return event in self.queue.event_ids_to_events or any(event in events for events in waiting.values())


async def _messages(receive: Any) -> list[dict[str, Any]]:
    """A request's body, in the pieces that it came in."""
    messages = [await receive()]
    while messages[-1].get("more_body"):
        messages.append(await receive())
    return messages


def _again(messages: list[dict[str, Any]], receive: Any) -> Any:
    """Receive these messages, and then what comes."""

    async def next_message() -> Any:
        return messages.pop(0) if messages else await receive()

    return next_message


async def _refuse(send: Any, refusal: str) -> None:
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 422, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps({"detail": refusal}).encode()})
