"""A Hub on 127.0.0.1: real HTTP, spoken to by the unmodified `huggingface_hub` client.

It answers what creating, pushing to and reading models, data sets and Spaces needs, with the status codes
and headers of the real Hub. Large files travel as LFS does: uploaded in one part, downloaded through a redirect
to another origin, which must not see the token. Xet storage is not spoken, so clients run with it disabled.
"""

import base64
import hashlib
import json
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

from hub_store import Blob, RefusedError, Repository

_LARGE = (".safetensors", ".parquet")  # kept as LFS files, whatever their size
_DATE = "2024-01-01T00:00:00.000Z"


@dataclass(frozen=True)
class _User:
    name: str
    can_write: bool


def _owner(name: str) -> str:
    return name.partition("/")[0]


class LoopbackHub:
    """The server and what it stores, all in memory; use it as a context manager.

    Attributes:
        repositories: by kind and name.
        requests: method, path and range of each request so far.
        forbidden: method and path of what no token permits.
    """

    def __init__(self) -> None:
        self.repositories: dict[tuple[str, str], Repository] = {}
        self.uploads: dict[str, bytes] = {}  # large files by SHA-256
        self.requests: list[str] = []
        self.forbidden: set[str] = set()
        self.users: dict[str, _User] = {}
        self._cuts: dict[str, tuple[int, int]] = {}
        handler = type("Handler", (_Handler,), {"hub": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"
        self.storage = f"http://localhost:{self._server.server_port}"  # another origin than the endpoint

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def add_user(self, name: str, token: str, *, can_write: bool = True) -> None:
        self.users[token] = _User(name, can_write)

    def put(self, kind: str, name: str, files: Mapping[str, bytes], **options: bool) -> str:
        """Store a repository without going through the client; returns its commit."""
        repository = self.repositories[kind, name] = Repository(kind, name, **options)
        tree = {path: Blob(content, path.endswith(_LARGE)) for path, content in files.items()}
        self.uploads |= {blob.oid: blob.content for blob in tree.values() if blob.large}
        return repository.commit("main", tree, "add files")

    def cut(self, content: bytes, *, at: int, times: int) -> None:
        """Close the connection after `at` bytes of a large file, for its next `times` downloads."""
        self._cuts[hashlib.sha256(content).hexdigest()] = (at, times)

    def next_cut(self, oid: str) -> int | None:
        """Where to cut the download of a large file; None: nowhere."""
        at, times = self._cuts.get(oid, (0, 0))
        self._cuts[oid] = (at, times - 1)
        return at if times > 0 else None


# Routes -------------------------------------------------------------------------------------------

_ID = r"(?P<name>[^/]+/[^/]+?)"
_API = rf"/api/(?P<kind>models|datasets|spaces)/{_ID}"
_WEB = rf"/(?:(?P<kind>datasets|spaces)/)?{_ID}"
_ROUTES: list[tuple[str, re.Pattern[str], Callable[..., None]]] = []


def _route(methods: str, pattern: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a handler; the named groups of the pattern are its keywords."""

    def register(handler: Callable[..., None]) -> Callable[..., None]:
        _ROUTES.extend((method, re.compile(pattern), handler) for method in methods.split())
        return handler

    return register


class _Handler(BaseHTTPRequestHandler):
    hub: LoopbackHub
    protocol_version = "HTTP/1.1"

    def handle_request(self) -> None:
        self.hub.requests.append(" ".join([self.command, self.path, self.headers.get("Range", "")]).rstrip())
        self.body = self._read_body()
        self.url = urlsplit(self.path)
        try:
            if f"{self.command} {self.url.path}" in self.hub.forbidden:
                raise RefusedError(403, None, "Forbidden")
            for method, pattern, handler in _ROUTES:
                match = pattern.fullmatch(self.url.path)
                if method == self.command and match:
                    groups = {key: unquote(value) for key, value in match.groupdict().items() if value is not None}
                    handler(self, **groups)
                    return
            raise RefusedError(404, None, "Sorry, we can't find the page you are looking for.")
        except RefusedError as refusal:
            self.send_json({"error": refusal.message}, refusal.status, refusal.headers)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = handle_request  # noqa: N815 - the names that http.server looks for

    def log_message(self, *_: object) -> None:
        """Keep the tests' output clean."""

    def _read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def send_json(self, value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        self.send_bytes(json.dumps(value).encode(), status, {"Content-Type": "application/json"} | dict(headers or {}))

    def send_bytes(self, content: bytes, status: int, headers: Mapping[str, str], cut: int | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content[:cut])
            self.close_connection = cut is not None

    def sender(self) -> _User | None:
        header = self.headers.get("Authorization")
        if not header:
            return None
        user = self.hub.users.get(header.removeprefix("Bearer "))
        if user is None:
            raise RefusedError(401, None, "Invalid credentials in Authorization header")
        return user

    def known_sender(self) -> _User:
        user = self.sender()
        if user is None:
            raise RefusedError(401, None, "Invalid username or password.")
        return user

    def repository(self, kind: str, name: str, *, write: bool = False) -> Repository:
        """Find a repository, if the sender may know of it."""
        user = self.sender()
        found = self.hub.repositories.get((kind, name))
        owns = user is not None and user.name == _owner(name)
        if found is None or (found.private and not owns):
            if user is None:  # without a code, the client recognises this only over https
                raise RefusedError(401, "RepoNotFound", "Invalid username or password.")
            raise RefusedError(404, "RepoNotFound", "Repository not found")
        if write and not (owns and self.known_sender().can_write):
            raise RefusedError(403, None, "Forbidden: pass `create_pr=1` as a query parameter")
        return found


# The account and its repositories -----------------------------------------------------------------


@_route("GET", "/api/whoami-v2")
def _whoami(request: _Handler) -> None:
    user = request.known_sender()
    request.send_json({"type": "user", "name": user.name, "orgs": [], "auth": {"type": "access_token"}})


@_route("POST", "/api/repos/create")
def _create(request: _Handler) -> None:
    user, asked = request.known_sender(), json.loads(request.body)
    owner, kind = asked.get("organization") or user.name, asked.get("type", "model") + "s"
    name = f"{owner}/{asked['name']}"
    if owner != user.name or not user.can_write:
        right = f'You don\'t have the rights to create a {kind[:-1]} under the namespace "{owner}"'
        raise RefusedError(403, None, right)
    if kind == "spaces" and not asked.get("sdk"):
        raise RefusedError(400, None, "sdk: a Space needs one")
    private = asked.get("private") is True or asked.get("visibility") == "private"
    repository = Repository(kind, name, private, sdk=asked.get("sdk"))
    url = f"{request.hub.endpoint}/{repository.path}"
    if (kind, name) in request.hub.repositories:
        request.send_json({"error": f"You already created this {kind[:-1]} repo", "url": url}, 409)
        return
    request.hub.repositories[kind, name] = repository
    request.send_json({"url": url, "name": name, "private": private})


@_route("POST", f"{_API}/branch/(?P<branch>[^/]+)")
def _branch(request: _Handler, kind: str, name: str, branch: str) -> None:
    repository = request.repository(kind, name, write=True)
    if branch in repository.branches:
        raise RefusedError(409, None, "Reference already exists")
    start = json.loads(request.body or b"{}").get("startingPoint", "main")
    repository.branches[branch] = repository.resolve(start)
    request.send_json({})


# Reading ------------------------------------------------------------------------------------------


@_route("GET", f"{_API}(?:/revision/(?P<revision>[^/]+))?")
def _info(request: _Handler, kind: str, name: str, revision: str = "main") -> None:
    repository = request.repository(kind, name)
    oid = repository.resolve(revision)
    siblings = [{"rfilename": path} for path in sorted(repository.commits[oid])]
    info = {"_id": oid[:24], "id": name, "author": _owner(name), "sha": oid, "lastModified": _DATE}
    info |= {"private": repository.private, "gated": "manual" if repository.gated else False, "disabled": False}
    info |= {"sdk": repository.sdk} if repository.sdk else {}
    request.send_json(info | {"downloads": 0, "likes": 0, "tags": [], "siblings": siblings, "createdAt": _DATE})


@_route("GET", f"{_API}/refs")
def _refs(request: _Handler, kind: str, name: str) -> None:
    branches = request.repository(kind, name).branches
    heads = [{"name": name, "ref": f"refs/heads/{name}", "targetCommit": oid} for name, oid in branches.items()]
    request.send_json({"branches": heads, "tags": [], "converts": []})


@_route("GET", f"{_API}/tree/(?P<revision>[^/]+)(?:/(?P<folder>.+))?")
def _tree(request: _Handler, kind: str, name: str, revision: str, folder: str = "") -> None:
    repository = request.repository(kind, name)
    entries = _entries(repository.commits[repository.resolve(revision)])
    inside = {path: entry for path, entry in entries.items() if not folder or path.startswith(folder + "/")}
    if folder and not inside:
        raise RefusedError(404, "EntryNotFound", f"{folder} does not exist on {revision!r}")
    if parse_qs(request.url.query).get("recursive", ["false"])[0].lower() not in ("true", "1"):
        inside = {path: entry for path, entry in inside.items() if path.rpartition("/")[0] == folder}
    request.send_json(list(inside.values()))


@_route("POST", f"{_API}/paths-info/(?P<revision>[^/]+)")
def _paths_info(request: _Handler, kind: str, name: str, revision: str) -> None:
    repository = request.repository(kind, name)
    entries = _entries(repository.commits[repository.resolve(revision)])
    paths = parse_qs(request.body.decode()).get("paths", [])
    request.send_json([entries[path] for path in paths if path in entries])


def _entries(tree: Mapping[str, Blob]) -> dict[str, dict[str, Any]]:
    """Files and folders of a tree, by path, each with the commit that the client may ask for."""
    folders = {str(parent) for path in tree for parent in list(Path(path).parents)[:-1]}
    entries = {path: {"type": "directory", "path": path, "oid": "0" * 40, "size": 0} for path in folders}
    entries |= {path: blob.describe(path) for path, blob in tree.items()}
    commit = {"id": "0" * 40, "title": "add files", "date": _DATE}
    return {path: entry | {"lastCommit": commit} for path, entry in sorted(entries.items())}


@_route("HEAD GET", f"{_WEB}/resolve/(?P<revision>[^/]+)/(?P<path>.+)")
def _resolve(request: _Handler, name: str, revision: str, path: str, kind: str = "models") -> None:
    repository = request.repository(kind, name)
    if repository.gated:
        code = 401 if request.sender() is None else 403
        raise RefusedError(code, "GatedRepo", f"Access to {kind[:-1]} {name} is restricted.")
    oid = repository.resolve(revision)
    headers = {"X-Repo-Commit": oid}
    blob = repository.commits[oid].get(path)
    if blob is None:
        raise RefusedError(404, "EntryNotFound", "Entry not found", **headers)
    headers["ETag"] = f'"{blob.oid}"'
    if blob.large:
        headers |= {"X-Linked-Size": str(len(blob.content)), "X-Linked-ETag": f'"{blob.oid}"'}
        request.send_bytes(b"", 302, headers | {"Location": f"{request.hub.storage}/storage/{blob.oid}"})
    else:
        request.send_bytes(blob.content, 200, headers)


@_route("HEAD GET", "/storage/(?P<oid>[0-9a-f]{64})")
def _download(request: _Handler, oid: str) -> None:
    if "Authorization" in request.headers:
        raise RefusedError(400, None, "Only one auth mechanism allowed")  # as a signed address answers
    content, headers, status = request.hub.uploads[oid], {"ETag": f'"{oid}"', "Accept-Ranges": "bytes"}, 200
    cut = request.hub.next_cut(oid)
    asked = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("Range", ""))
    if asked:
        start, end = int(asked[1]), min(int(asked[2] or len(content)), len(content) - 1)
        headers["Content-Range"] = f"bytes {start}-{end}/{len(content)}"
        content, status = content[start : end + 1], 206
        cut = None if cut is None else max(cut - start, 0)
    request.send_bytes(content, status, headers, cut)


# Writing ------------------------------------------------------------------------------------------


@_route("POST", "/api/validate-yaml")
def _validate_card(request: _Handler) -> None:
    request.send_json({"errors": [], "warnings": []})


@_route("POST", f"{_API}/preupload/(?P<revision>[^/]+)")
def _preupload(request: _Handler, kind: str, name: str, revision: str) -> None:
    repository = request.repository(kind, name, write=True)
    tree = repository.commits[repository.resolve(revision)]
    paths = [file["path"] for file in json.loads(request.body)["files"]]
    modes = {path: "lfs" if path.endswith(_LARGE) else "regular" for path in paths}
    etags = {path: tree[path].oid if path in tree else None for path in paths}
    files = [{"path": p, "uploadMode": modes[p], "shouldIgnore": False, "oid": etags[p]} for p in paths]
    request.send_json({"files": files})


@_route("POST", f"{_WEB}\\.git/info/lfs/objects/batch")
def _batch(request: _Handler, name: str, kind: str = "models") -> None:
    request.repository(kind, name, write=True)
    objects = json.loads(request.body)["objects"]
    for item in objects:
        if item["oid"] not in request.hub.uploads:
            item["actions"] = {"upload": {"href": f"{request.hub.storage}/storage/{item['oid']}", "header": {}}}
    request.send_json({"transfer": "basic", "objects": objects})


@_route("PUT", "/storage/(?P<oid>[0-9a-f]{64})")
def _upload(request: _Handler, oid: str) -> None:
    if hashlib.sha256(request.body).hexdigest() != oid:
        raise RefusedError(400, None, "The content does not match its address")
    request.hub.uploads[oid] = request.body
    request.send_bytes(b"", 200, {})


@_route("POST", f"{_API}/commit/(?P<revision>[^/]+)")
def _commit(request: _Handler, kind: str, name: str, revision: str) -> None:
    repository = request.repository(kind, name, write=True)
    tree = dict(repository.commits[repository.resolve(revision)])
    message = ""
    for line in request.body.splitlines():
        key, value = json.loads(line).values()
        if key == "header":
            message = value["summary"]
            if value.get("parentCommit", repository.resolve(revision)) != repository.resolve(revision):
                raise RefusedError(412, None, "A commit has happened since. Please refresh and try again.")
        elif key == "file":
            tree[value["path"]] = Blob(base64.b64decode(value["content"]), False)
        elif key == "lfsFile":
            tree[value["path"]] = Blob(request.hub.uploads[value["oid"]], True)
        elif key == "deletedFile":
            del tree[value["path"]]
        else:
            raise RefusedError(400, None, f"operation {key} is not spoken here")
    oid = repository.commit(revision, tree, message)
    url = f"{request.hub.endpoint}/{repository.path}/commit/{oid}"
    request.send_json({"success": True, "commitOid": oid, "commitUrl": url})


# The variables of a Space -------------------------------------------------------------------------


@_route("GET POST DELETE", f"/api/spaces/{_ID}/variables")
def _variables(request: _Handler, name: str) -> None:
    variables = request.repository("spaces", name, write=True).variables
    asked = json.loads(request.body or b"{}")
    if request.command == "POST":
        variables[asked["key"]] = asked["value"]
    elif request.command == "DELETE":
        if asked["key"] not in variables:
            raise RefusedError(404, None, f"No variable with key {asked['key']}")
        del variables[asked["key"]]
    request.send_json({key: {"key": key, "value": value} for key, value in variables.items()})
