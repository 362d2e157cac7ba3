"""What a Hub stores: files, and the commits and branches of repositories."""

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any


class RefusedError(Exception):
    """An error answer, with the headers by which the client tells errors apart."""

    def __init__(self, status: int, code: str | None, message: str, **headers: str) -> None:
        super().__init__(message)
        self.status, self.message, self.headers = status, message, {"X-Error-Message": message, **headers}
        if code:
            self.headers["X-Error-Code"] = code


@dataclass(frozen=True)
class Blob:
    """The content of one file; a large one is addressed by its SHA-256, a small one as git does."""

    content: bytes
    large: bool

    @property
    def oid(self) -> str:
        if self.large:
            return hashlib.sha256(self.content).hexdigest()
        return hashlib.sha1(b"blob %d\0" % len(self.content) + self.content, usedforsecurity=False).hexdigest()

    def describe(self, path: str) -> dict[str, Any]:
        """The file's entry in a tree."""
        entry: dict[str, Any] = {"type": "file", "path": path, "oid": self.oid, "size": len(self.content)}
        return entry | ({"lfs": {"oid": self.oid, "size": len(self.content), "pointerSize": 130}} if self.large else {})


@dataclass
class Repository:
    """Commits are immutable trees named by 40 hex digits; branches point to them."""

    kind: str  # "models", "datasets" or "spaces"
    name: str  # owner/name
    private: bool = False
    gated: bool = False
    sdk: str | None = None  # of a Space
    commits: dict[str, dict[str, Blob]] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)  # of a Space

    def __post_init__(self) -> None:
        self.commit("main", {".gitattributes": Blob(b"*.safetensors filter=lfs\n", False)}, "initial commit")

    def commit(self, branch: str, tree: dict[str, Blob], message: str) -> str:
        history = [self.branches.get(branch), message, sorted((path, blob.oid) for path, blob in tree.items())]
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
            raise RefusedError(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return oid
