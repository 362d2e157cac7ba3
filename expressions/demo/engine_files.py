"""The files with which a browser draws, measures and edits faces itself: scripts, and an editor's networks and
numbers."""

import asyncio
import functools
import gzip
import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from ..attributes import COUPLED
from ..editor import Editor
from ..skin import CHEEKS
from ..solver import SAME
from .xmp import xmp_packet

_HERE = Path(__file__).parent
_SCRIPTS = _HERE / "engine"
_TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".txt": "text/plain"}
_NETWORKS = ("generator", "classifier", "lens")  # as in onnx_files.py
_CACHING = "public, max-age=31536000, immutable"  # for a year: other contents have another address


class EngineFiles:
    """The files of the engine, by name; those that come from the weights are made when they are first asked for.

    They lie in one folder, whose name tells the weights and the scripts: what changes either changes the name.

    Args:
        editor: whose faces they draw.
    """

    FOLDER = "engine"  # that theirs lies in

    def __init__(self, editor: Editor) -> None:
        self._editor = editor
        self._scripts = {
            path.relative_to(_SCRIPTS).as_posix(): path.read_bytes()
            for path in sorted(_SCRIPTS.rglob("*"))
            if path.is_file()
        }
        sources = [
            *self._scripts.values(),
            *((_HERE / name).read_bytes() for name in ("engine_files.py", "onnx_files.py")),
        ]
        scripts = hashlib.sha256(b"".join(sources)).hexdigest()[:12]
        self.folder = f"{self.FOLDER}/{editor.fingerprint()}-{scripts}"
        self.url = f"{self.folder}/engine.js"  # of the script to import, relative to the page's root
        self.read = functools.cache(self._read)

    @property
    def names(self) -> tuple[str, ...]:
        return (*self._scripts, "editor.json.gz", *(f"{name}.onnx.gz" for name in _NETWORKS))

    def _read(self, name: str) -> bytes:
        """What one of `names` holds.

        Raises:
            KeyError: it is none of them.
        """
        if name in self._scripts:
            return self._scripts[name]
        if name == "editor.json.gz":
            return gzip.compress(json.dumps(editor_numbers(self._editor)).encode(), mtime=0)
        from . import onnx_files  # its library is imported when a browser first asks: the first face comes before that

        return gzip.compress(bytes_apart(onnx_files.FILES[name.removesuffix(".onnx.gz")](self._editor)), mtime=0)


def bytes_apart(file: bytes) -> bytes:
    """Every second byte of a file, then the others. Numbers in half precision are compressed better so: the bytes that
    hold their exponents are alike."""
    return file[::2] + file[1::2]


def editor_numbers(editor: Editor) -> dict[str, Any]:
    """What the scripts need of an editor beside its networks, for JSON."""
    chooser = None
    if editor.chooser is not None:
        layers = [[_written(parameter) for parameter in layer.parameters()] for layer in editor.chooser.layers]
        chooser = {"layers": layers, "threshold": editor.chooser.threshold.item()}
    return {
        "attributes": editor.attributes,
        "coupled": {name: sorted(others) for name, others in COUPLED.items()},
        "directions": _written(editor.generator.directions),
        "response": _written(editor.response),
        "low": _written(editor.low),
        "high": _written(editor.high),
        "solver": {**asdict(editor.solver), "same": SAME},
        "cheeks": [[rows.start, rows.stop, columns.start, columns.stop] for rows, columns in CHEEKS],
        "chooser": chooser,
        "hasLens": editor.lens is not None,
        "xmp": xmp_packet("{link}"),
    }


def _written(tensor: torch.Tensor) -> Any:
    """The numbers of a tensor in nested lists, with no more digits than single precision needs; networks.js rounds
    them to it."""
    if tensor.dim() > 1:
        return [_written(row) for row in tensor]
    return [float(str(number)) for number in tensor.detach().cpu().numpy()]


class EngineServer:
    """ASGI middleware that answers requests for the files of the engine.

    Args:
        app: what answers all others.
        files: to be served.
    """

    def __init__(self, app: ASGIApp, files: EngineFiles) -> None:
        self._app = app
        self._files = files

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        _, found, name = scope.get("path", "").partition(f"/{self._files.folder}/")
        if not (found and name in self._files.names and scope.get("method") in ("GET", "HEAD")):
            await self._app(scope, receive, send)
            return
        body = await asyncio.to_thread(self._files.read, name)
        kind = _TYPES.get(Path(name).suffix)
        headers = {"content-type": kind or "application/octet-stream", "cache-control": _CACHING}
        if kind and "gzip" in Headers(scope=scope).get("accept-encoding", ""):
            body = gzip.compress(body)
            headers |= {"content-encoding": "gzip", "vary": "Accept-Encoding"}
        await Response(body, headers=headers)(scope, receive, send)
