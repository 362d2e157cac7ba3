"""A Hugging Face Space that shows an editor: the page and the package of a checkout, and the weights."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from huggingface_hub import CommitInfo, CommitOperationAdd, CommitOperationDelete, HfApi, SpaceCard

from ..editor import Editor
from ..weights_files import CONFIG, TENSORS
from .hub import PublishError, check_id, connect, create, failing_as
from .weights import checked_card, publish

MODEL_VARIABLE, REVISION_VARIABLE = "EXPRESSIONS_MODEL", "EXPRESSIONS_REVISION"  # app.py reads them
_ROOT_FILES = (
    *("README.md", "LICENSE", "LICENSE-WEIGHTS", "CHANGELOG.md", "CONTRIBUTING.md"),  # that README.md links to
    *("app.py", "expressions/__init__.py"),
    *("requirements.txt", "pre-requirements.txt", "pyproject.toml"),  # so that pip installs the package from the Space
)
_SHOWN_FOLDERS = ("assets", "docs")  # by README.md
# What else lies in these is deleted, and in no other.
_OWNED_FOLDERS = tuple(f"{folder}/" for folder in ("expressions", *_SHOWN_FOLDERS))
_PACKAGE_SUFFIXES = (".css", ".gz", ".html", ".js", ".json", ".md", ".mjs", ".py", ".txt")
_LEAVE_OUT = "push the Space without that repository, and the weights go along"


def publish_space(
    editor: Editor,
    space_id: str,
    checkout: Path,
    *,
    repo_id: str | None = None,
    private: bool = False,
    revision: str | None = None,
    token: str | None = None,
    figures: Mapping[str, Any] | None = None,
) -> list[str]:
    """Push a Space that shows an editor: its files in one commit, its variables after it.

    The weights go along in the package. With `repo_id` they are pushed there first, and the Space is pinned to that
    commit: its variables name it, and its front matter has it preloaded when the Space is built. The weights in the
    package then step in should it be missing.

    Args:
        editor: what to publish.
        space_id: owner/name; created if there is none.
        checkout: the folder that app.py lies in.
        repo_id: owner/name of the public repository for the weights; None: the weights only go along.
        private: whether a new Space is private. A public one is refused, not hidden.
        revision, token, figures: as for `publish`.

    Returns:
        The addresses of the commits, the weights' own first.

    Raises:
        PublishError: as for `publish`; or the checkout lacks a file, or the Space cannot read the repository.
    """
    failure = f"cannot publish to the Space {space_id!r}"
    with failing_as(failure):
        check_id(space_id)
        if private and repo_id is not None:
            raise PublishError(f"it could not read {repo_id!r} if that were private: {_LEAVE_OUT}")
        files = space_files(checkout, editor)
        api = connect(token)
        files["README.md"] = _with_thumbnail(files["README.md"], f"{api.endpoint}/spaces/{space_id}/resolve/main")
    if repo_id is not None:
        checked_card(editor, repo_id, figures)  # whatever can be refused is refused before the first upload
    with failing_as(failure):
        if repo_id is not None and _is_closed(api, repo_id):
            raise PublishError(f"it cannot read {repo_id!r}, which is private or gated: {_LEAVE_OUT}")
        create(api, space_id, private, space_sdk="gradio")
        api.get_space_variables(space_id)  # which the token may not reach

    urls, variables = [], {}
    if repo_id is not None:
        urls.append(publish(editor, repo_id, revision=revision, token=token, figures=figures))
        commit = urls[0].rpartition("/")[2]
        variables = {MODEL_VARIABLE: repo_id, REVISION_VARIABLE: commit}
        files["README.md"] = _pin(files["README.md"], repo_id, commit)
        failure += f", whose weights are at {urls[0]}"
    with failing_as(failure):
        urls.append(upload(api, space_id, files, _OWNED_FOLDERS).commit_url)
    with failing_as(f"the files of the Space {space_id!r} are pushed, its variables are not set"):
        _set_variables(api, space_id, variables)
    return urls


# The files ----------------------------------------------------------------------------------------


def space_files(checkout: Path, editor: Editor) -> dict[str, bytes]:
    """What a Space holds, by path: the page, the package, README.md with all that it shows, and the editor's weights.

    Raises:
        PublishError: README.md does not describe the Space.
        OSError: the checkout lacks a file.
    """
    package = [path for path in (checkout / "expressions").rglob("*") if path.suffix in _PACKAGE_SUFFIXES]
    shown = [path for folder in _SHOWN_FOLDERS for path in (checkout / folder).iterdir()]
    names = (path.relative_to(checkout).as_posix() for path in sorted(package + shown))
    files = {name: (checkout / name).read_bytes() for name in (*_ROOT_FILES, *names)}
    space = SpaceCard(files["README.md"].decode()).data.to_dict()
    if space.get("sdk") != "gradio" or space.get("app_file") != "app.py":
        raise PublishError("the front matter of README.md must have `sdk: gradio` and `app_file: app.py`")
    with TemporaryDirectory() as folder:
        editor.save_pretrained(folder)
        files |= {f"expressions/weights/{name}": (Path(folder) / name).read_bytes() for name in (CONFIG, TENSORS)}
    return files


def _with_thumbnail(readme: bytes, files_at: str) -> bytes:
    """Make the thumbnail of the front matter an address, as the Hub wants it; in a checkout it is a path."""
    card = SpaceCard(readme.decode())
    if path := card.data.get("thumbnail"):
        card.data["thumbnail"] = f"{files_at}/{path}"
    return str(card).encode()


def _pin(readme: bytes, repo_id: str, commit: str) -> bytes:
    """Name the weights in the front matter, and have them in the Space's cache before it starts."""
    card = SpaceCard(readme.decode())
    card.data["models"] = [repo_id]
    card.data["preload_from_hub"] = [f"{repo_id} {CONFIG},{TENSORS} {commit}"]
    return str(card).encode()


# The Hub ------------------------------------------------------------------------------------------


def _is_closed(api: HfApi, repo_id: str) -> bool:
    """Whether a repository is there and needs a token, which a Space has not."""
    if not api.repo_exists(repo_id):
        return False  # it will be made, and be public
    model = api.model_info(repo_id)
    return bool(model.private or model.gated)


def upload(api: HfApi, space_id: str, files: Mapping[str, bytes], owned: tuple[str, ...]) -> CommitInfo:
    """Push the files and delete what else lies in the owned folders, in one commit on top of the one looked at."""
    space = api.space_info(space_id)
    present = [sibling.rfilename for sibling in space.siblings or ()]
    stale = [name for name in present if name.startswith(owned) and name not in files]
    deletions = [CommitOperationDelete(name) for name in stale]
    additions = [CommitOperationAdd(name, content) for name, content in files.items()]
    message = "Publish the Space"  # upload_folder may make several commits
    return api.create_commit(
        space_id, [*deletions, *additions], commit_message=message, repo_type="space", parent_commit=space.sha
    )


def _set_variables(api: HfApi, space_id: str, wanted: Mapping[str, str]) -> None:
    """Give the variables that app.py reads their values, or remove them; each change restarts the Space."""
    present = {name: variable.value for name, variable in api.get_space_variables(space_id).items()}
    for name in (MODEL_VARIABLE, REVISION_VARIABLE):
        if name in wanted and wanted[name] != present.get(name):
            api.add_space_variable(space_id, name, wanted[name])
        if name in present and name not in wanted:
            api.delete_space_variable(space_id, name)
