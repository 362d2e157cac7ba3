"""Publishing an editor on the Hugging Face Hub, with the card that goes with it."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ..editor import Editor
from .card import model_card
from .hub import check_id, connect, create, failing_as


def publish(
    editor: Editor,
    repo_id: str,
    *,
    private: bool = False,
    revision: str | None = None,
    token: str | None = None,
    figures: Mapping[str, Any] | None = None,
) -> str:
    """Push an editor and its model card to the Hub in one commit.

    Args:
        editor: what to publish.
        repo_id: owner/name; created if there is none.
        private: whether a new repository is private. A public one is refused, not hidden.
        revision: branch to push to, created from the main one if there is none; None is the main one.
        token: access token with the right to write; None takes HF_TOKEN or the stored login.
        figures: what was measured, for the card: see `model_card`.

    Returns:
        The address of the commit.

    Raises:
        PublishError: a figure or the repository's name is malformed, the Hub cannot be reached, the token is
            missing, refused or lacks the right, or the repository is public and should be private.
    """
    card = checked_card(editor, repo_id, figures)
    with failing_as(f"cannot publish to {repo_id!r}"), TemporaryDirectory() as folder:
        api = connect(token)
        create(api, repo_id, private)
        if revision is not None:
            api.create_branch(repo_id, branch=revision, exist_ok=True)
        editor.save_pretrained(folder)
        (Path(folder) / "README.md").write_text(card, encoding="utf-8")  # in place of the mixin's
        commit = api.upload_folder(
            repo_id=repo_id, folder_path=folder, revision=revision, commit_message="Publish the editor"
        )
        return commit.commit_url


def checked_card(editor: Editor, repo_id: str, figures: Mapping[str, Any] | None) -> str:
    """Write the card of what is to be published; no request is made.

    Raises:
        PublishError: a figure or the repository's name is malformed.
    """
    with failing_as(f"cannot publish to {repo_id!r}"):
        check_id(repo_id)
        return model_card(editor, repo_id, figures)
