"""The endpoints as programs reach them: as tools of Gradio's MCP server, and over plain HTTP."""

import base64
import json
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.route_utils import get_root_url
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .api import check_count, check_names

_MCP = "/gradio_api/mcp"
_EVENT = re.compile(r"/gradio_api/call/(?:v2/)?[^/]+/([^/]+)$")
_CALL = re.compile(r"/gradio_api/call/(?P<named>v2/)?(?P<name>[^/]+)/?$")  # arguments by name, or in a list


def app_options(demo: gr.Blocks) -> dict[str, Any]:
    """What `launch` is to make its app with, so that programs get the answers of the page's endpoints."""

    @asynccontextmanager
    async def lifespan(_: object) -> AsyncIterator[None]:
        server: Any = demo.mcp_server_obj
        # Gradio's own answers hold pictures encoded anew, without marks and moving frames, and Python for JSON.
        server.mcp_server.call_tool(validate_input=False)(Tools(server).call)
        yield

    endpoints = {fn.api_name: fn.fn for fn in demo.fns.values() if fn.api_visibility == "public"}
    return {"lifespan": lifespan, "middleware": [(Door, (), {"endpoints": endpoints, "queue": demo._queue})]}


class Tools:
    """Calls the endpoints for an MCP server."""

    def __init__(self, server: Any) -> None:
        self.server = server

    async def call(self, name: str, arguments: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        """Call a tool.

        Returns:
            The answer for a reader, with pictures as the marked files that they are, and for a program.

        Raises:
            ValueError: there is no such tool, or its endpoint refuses the call.
        """
        names = self.server.tool_to_endpoint
        if name not in names:
            raise ValueError(f"there is no tool {name!r:.40}; there are {', '.join(names)}")
        endpoint = self.server.get_block_fn_from_endpoint_name(names[name]).fn
        given = {argument: value for argument, value in arguments.items() if value is not None}
        check_names(endpoint, given)
        try:
            return self._told(await endpoint(**given))
        except gr.Error as error:
            raise ValueError(error.message) from error

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
    """ASGI middleware that answers requests which Gradio would stumble over.

    Args:
        app: what comes after it.
        endpoints: by name.
        queue: Gradio's.
    """

    def __init__(self, app: ASGIApp, endpoints: Mapping[str, Callable[..., Any]], queue: Any) -> None:
        self.app = app
        self.endpoints = endpoints
        self.queue = queue

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path, method, refusal = scope.get("path", ""), scope.get("method"), ""
        if path.endswith(_MCP):  # it would be redirected to the address with a slash, but without a proxy's prefix
            scope = {**scope, "path": f"{path}/"}
        if method == "POST" and (call := _CALL.search(path)):
            try:
                body = await Request(scope, receive).body()
            except ClientDisconnect:
                return
            refusal = self._refusal(call["name"], body, is_named=bool(call["named"]))
            receive = _again(body, receive)
        elif method == "GET" and (event := _EVENT.search(path)) and not self._is_known(event[1]):
            refusal = f"there is no event {event[1]!r:.40}, or its answer was fetched already"
        answer = JSONResponse({"detail": refusal}, 422) if refusal else self.app
        await answer(scope, receive, send)

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


def _again(body: bytes, receive: Receive) -> Receive:
    """Receive a body that was read already, and then what comes."""
    read: list[Message] = [{"type": "http.request", "body": body}]

    async def next_message() -> Message:
        return read.pop() if read else await receive()

    return next_message
