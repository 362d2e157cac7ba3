"""A Hub on 127.0.0.1: real HTTP, spoken to by the unmodified `huggingface_hub` client.

It answers what creating, pushing to and reading models, data sets and Spaces needs, with the status codes
and headers of the real Hub. Large files travel as LFS does: uploaded in one part, downloaded through a redirect
to another origin, which must not see the token. Xet storage is not spoken, so clients run with it disabled.

The client reads its endpoint and folders when it is imported, so each client is a process: see `run_client`.
"""

import base64
import hashlib
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

import torch

from expressions import Editor

_MODULES = os.pathsep.join([str(Path(__file__).parent.parent), str(Path(__file__).parent)])
_LARGE = (".safetensors", ".parquet")  # kept as LFS files, whatever their size
_DATE = "2024-01-01T00:00:00.000Z"


@dataclass(frozen=True)
class Blob:
    """The content of one file; a large one is addressed by its SHA-256, a small one as git does."""

    content: bytes
    large: bool

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @property
    def git_oid(self) -> str:
        stored = self.content
        if self.large:
            stored = f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.sha256}\n".encode()
            stored += f"size {len(self.content)}\n".encode()
        return hashlib.sha1(b"blob %d\0" % len(stored) + stored, usedforsecurity=False).hexdigest()

    @property
    def etag(self) -> str:
        return self.sha256 if self.large else self.git_oid

    def describe(self, path: str) -> dict[str, Any]:
        """The file's entry in a tree."""
        entry: dict[str, Any] = {"type": "file", "path": path, "oid": self.git_oid, "size": len(self.content)}
        if self.large:
            entry["lfs"] = {"oid": self.sha256, "size": len(self.content), "pointerSize": 130}
        return entry


@dataclass
class Repository:
    """Commits are immutable trees named by 40 hex digits; branches point to them."""

    kind: str  # "models", "datasets" or "spaces"
    name: str  # owner/name
    private: bool = False
    gated: bool = False
    commits: dict[str, dict[str, Blob]] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)  # of a Space

    def __post_init__(self) -> None:
        self.commit("main", {".gitattributes": Blob(b"*.safetensors filter=lfs\n", False)}, "initial commit")

    def commit(self, branch: str, tree: dict[str, Blob], message: str) -> str:
        history = [self.branches.get(branch), message, sorted((path, blob.git_oid) for path, blob in tree.items())]
        oid = hashlib.sha1(json.dumps(history).encode(), usedforsecurity=False).hexdigest()
        self.commits[oid] = tree
        self.branches[branch] = oid
        return oid

    @property
    def path(self) -> str:
        """Where its page is; models have no prefix."""
        return self.name if self.kind == "models" else f"{self.kind}/{self.name}"

    def files(self, branch: str = "main") -> dict[str, bytes]:
        """The contents at the head of a branch, by path."""
        return {path: blob.content for path, blob in self.commits[self.branches[branch]].items()}

    def resolve(self, revision: str) -> str:
        oid = self.branches.get(revision, revision)
        if oid not in self.commits:
            raise _RefusedError(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return oid


@dataclass(frozen=True)
class _User:
    name: str
    can_write: bool


def _owner(name: str) -> str:
    return name.partition("/")[0]


class _RefusedError(Exception):
    """An error answer, with the headers by which the client tells errors apart."""

    def __init__(self, status: int, code: str | None, message: str, **headers: str) -> None:
        super().__init__(message)
        self.status, self.message, self.headers = status, message, {"X-Error-Message": message, **headers}
        if code:
            self.headers["X-Error-Code"] = code


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
        self._users: dict[str, _User] = {}
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
        self._users[token] = _User(name, can_write)

    def user(self, token: str) -> _User:
        if token not in self._users:
            raise _RefusedError(401, None, "Invalid credentials in Authorization header")
        return self._users[token]

    def put(self, kind: str, name: str, files: Mapping[str, bytes], **options: bool) -> str:
        """Store a repository without going through the client; returns its commit."""
        repository = self.repositories[kind, name] = Repository(kind, name, **options)
        tree = {path: Blob(content, path.endswith(_LARGE)) for path, content in files.items()}
        self.uploads |= {blob.sha256: blob.content for blob in tree.values() if blob.large}
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
                raise _RefusedError(403, None, "Forbidden")
            for method, pattern, handler in _ROUTES:
                match = pattern.fullmatch(self.url.path)
                if method == self.command and match:
                    groups = {key: unquote(value) for key, value in match.groupdict().items() if value is not None}
                    handler(self, **groups)
                    return
            raise _RefusedError(404, None, "Sorry, we can't find the page you are looking for.")
        except _RefusedError as refusal:
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
        return self.hub.user(header.removeprefix("Bearer ")) if header else None

    def repository(self, kind: str, name: str, *, write: bool = False) -> Repository:
        """Find a repository, if the sender may know of it."""
        user = self.sender()
        found = self.hub.repositories.get((kind, name))
        owns = user is not None and user.name == _owner(name)
        if found is None or (found.private and not owns):
            if user is None:  # without a code, the client recognises this only over https
                raise _RefusedError(401, "RepoNotFound", "Invalid username or password.")
            raise _RefusedError(404, "RepoNotFound", "Repository not found")
        if write and user is None:
            raise _RefusedError(401, None, "Invalid username or password.")
        if write and not (owns and user is not None and user.can_write):
            raise _RefusedError(403, None, "Forbidden: pass `create_pr=1` as a query parameter")
        return found


# The account and its repositories -----------------------------------------------------------------


@_route("GET", "/api/whoami-v2")
def _whoami(request: _Handler) -> None:
    user = request.sender()
    if user is None:
        raise _RefusedError(401, None, "Invalid username or password.")
    request.send_json({"type": "user", "name": user.name, "orgs": [], "auth": {"type": "access_token"}})


@_route("POST", "/api/repos/create")
def _create(request: _Handler) -> None:
    user, asked = request.sender(), json.loads(request.body)
    if user is None:
        raise _RefusedError(401, None, "Invalid username or password.")
    owner, kind = asked.get("organization") or user.name, asked.get("type", "model") + "s"
    name = f"{owner}/{asked['name']}"
    if owner != user.name or not user.can_write:
        right = f'You don\'t have the rights to create a {kind[:-1]} under the namespace "{owner}"'
        raise _RefusedError(403, None, right)
    if kind == "spaces" and not asked.get("sdk"):
        raise _RefusedError(400, None, "sdk: a Space needs one")
    private = asked.get("private") is True or asked.get("visibility") == "private"
    repository = Repository(kind, name, private)
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
        raise _RefusedError(409, None, "Reference already exists")
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
        raise _RefusedError(404, "EntryNotFound", f"{folder} does not exist on {revision!r}")
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
        raise _RefusedError(code, "GatedRepo", f"Access to {kind[:-1]} {name} is restricted.")
    oid = repository.resolve(revision)
    headers = {"X-Repo-Commit": oid}
    blob = repository.commits[oid].get(path)
    if blob is None:
        raise _RefusedError(404, "EntryNotFound", "Entry not found", **headers)
    headers["ETag"] = f'"{blob.etag}"'
    if blob.large:
        headers |= {"X-Linked-Size": str(len(blob.content)), "X-Linked-ETag": f'"{blob.etag}"'}
        request.send_bytes(b"", 302, headers | {"Location": f"{request.hub.storage}/storage/{blob.sha256}"})
    else:
        request.send_bytes(blob.content, 200, headers)


@_route("HEAD GET", "/storage/(?P<oid>[0-9a-f]{64})")
def _download(request: _Handler, oid: str) -> None:
    if "Authorization" in request.headers:
        raise _RefusedError(400, None, "Only one auth mechanism allowed")  # as a signed address answers
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
    front_matter = json.loads(request.body)["content"].startswith("---\n")
    request.send_json({"errors": [], "warnings": [] if front_matter else [{"message": "empty or missing yaml"}]})


@_route("POST", f"{_API}/preupload/(?P<revision>[^/]+)")
def _preupload(request: _Handler, kind: str, name: str, revision: str) -> None:
    repository = request.repository(kind, name, write=True)
    tree = repository.commits[repository.resolve(revision)]
    paths = [file["path"] for file in json.loads(request.body)["files"]]
    modes = {path: "lfs" if path.endswith(_LARGE) else "regular" for path in paths}
    etags = {path: tree[path].etag if path in tree else None for path in paths}
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
        raise _RefusedError(400, None, "The content does not match its address")
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
                raise _RefusedError(412, None, "A commit has happened since. Please refresh and try again.")
        elif key == "file":
            tree[value["path"]] = Blob(base64.b64decode(value["content"]), False)
        elif key == "lfsFile":
            tree[value["path"]] = Blob(request.hub.uploads[value["oid"]], True)
        elif key == "deletedFile":
            del tree[value["path"]]
        else:
            raise _RefusedError(400, None, f"operation {key} is not spoken here")
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
            raise _RefusedError(404, None, f"No variable with key {asked['key']}")
        del variables[asked["key"]]
    request.send_json({key: {"key": key, "value": value} for key, value in variables.items()})


# Editors ------------------------------------------------------------------------------------------


def random_editor(seed: int) -> Editor:
    """An untrained editor whose numbers survive the half precision in which they are saved."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        editor = Editor(["Smiling", "Male"], width=4)
        editor.response.normal_()
        editor.low.uniform_(-90, -10)
        editor.high.uniform_(10, 90)
    for parameter in editor.parameters():
        parameter.copy_(parameter.half())
    return editor


def files_of(editor: Editor, folder: Path) -> dict[str, bytes]:
    """The files of an editor, by name."""
    editor.save_pretrained(folder)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def fingerprint(editor: Editor) -> str:
    """Digest of the pictures of three seeds and of what the editor measures in them; bit for bit."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # sums depend on how they are split
    images = editor.synthesize(editor.latents([7, 8, 9]))
    content = images.numpy().tobytes() + editor.measure(images).numpy().tobytes()
    torch.set_num_threads(threads)
    return hashlib.sha256(content).hexdigest()


# Clients ------------------------------------------------------------------------------------------


def client_environment(endpoint: str, home: Path, **variables: str) -> dict[str, str]:
    """The environment of a client that knows only this Hub and has only this home folder."""
    kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "LANG") if name in os.environ}
    flags = ("HF_HUB_DISABLE_XET", "HF_HUB_DISABLE_TELEMETRY", "HF_HUB_DISABLE_PROGRESS_BARS", "OMP_NUM_THREADS")
    places = {"HF_ENDPOINT": endpoint, "HF_HOME": str(home / "hf"), "HOME": str(home), "NO_PROXY": "*"}
    return kept | dict.fromkeys(flags, "1") | places | {"PYTHONPATH": _MODULES} | variables


@dataclass(frozen=True)
class Output:
    """What a client said: the JSON of its last line, and everything it wrote."""

    value: Any
    text: str


def start_client(script: str, environment: Mapping[str, str], arguments: object = None) -> "subprocess.Popen[str]":
    """Start a Python script that finds `arguments` as JSON in sys.argv[1] and prints JSON as its last line."""
    command = [sys.executable, "-c", script, json.dumps(arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, env=dict(environment), cwd=environment["HOME"], text=True, **pipes)


def finish_client(client: "subprocess.Popen[str]") -> Output:
    """Wait for a client; its failure is shown with all that it wrote."""
    with client:
        stdout, stderr = client.communicate(timeout=300)
    assert client.returncode == 0, stdout + stderr
    return Output(json.loads(stdout.splitlines()[-1]), stdout + stderr)


def run_client(script: str, environment: Mapping[str, str], arguments: object = None) -> Output:
    """Start a client and wait for it."""
    return finish_client(start_client(script, environment, arguments))


# For run_client: loads each [source, options]; gives fingerprints and, where that failed, the message.
LOAD = """
import json, sys, traceback
from expressions import Editor, WeightsError
from loopback_hub import fingerprint

answers = []
for source, options in json.loads(sys.argv[1]):
    try:
        answers.append(fingerprint(Editor.from_pretrained(source, **options)))
    except WeightsError as error:
        traceback.print_exc()
        answers.append(str(error))
print(json.dumps(answers))
"""
