"""The page inside Gradio's, before Gradio's scripts are there: it is drawn at once, and followed from then on."""

import gzip
from pathlib import Path

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .layout import head

_GRADIO = (Path(__file__).parent / "gradio.js").read_text(encoding="utf-8")
_PAINT = f'{head()}<div id="expressions"></div><script>{_GRADIO}</script>'.encode()
_LATER = b"<script data-gradio-mode>"  # in Gradio's page, after its data and before its scripts and style sheets


class FirstPaint:
    """ASGI middleware that puts the style sheet and the scripts into Gradio's page, and compresses it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_page = scope["type"] == "http" and scope["method"] == "GET"
        await self._app(scope, receive, _painting(Headers(scope=scope), send) if is_page else send)


def _painting(asked: Headers, send: Send) -> Send:
    """Send what an app answers to a request with these headers; HTML as a whole, with the paint in it."""
    start: Message | None = None  # of an answer that is HTML
    body = b""

    async def paint(message: Message) -> None:
        nonlocal start, body
        if message["type"] == "http.response.start" and _is_plain_html(MutableHeaders(raw=message["headers"])):
            start = message
        elif start is None:
            await send(message)
        else:
            body += message.get("body", b"")
            if not message.get("more_body"):
                page = body.replace(_LATER, _PAINT + _LATER, 1)
                headers = MutableHeaders(raw=start["headers"])
                headers.add_vary_header("Accept-Encoding")
                if "gzip" in asked.get("accept-encoding", ""):
                    page = gzip.compress(page, 6)
                    headers["content-encoding"] = "gzip"
                headers["content-length"] = str(len(page))
                await send(start)
                await send({"type": "http.response.body", "body": page})

    return paint


def _is_plain_html(headers: MutableHeaders) -> bool:
    return headers.get("content-type", "").startswith("text/html") and "content-encoding" not in headers
