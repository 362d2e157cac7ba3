"""Publishing an editor on the Hugging Face Hub, with the card that goes with it."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from huggingface_hub import CommitInfo, HfApi

from ..editor import Editor
from .card import model_card
from .hub import ALREADY_PUBLIC, PublishError, check_id, connect, failing_as


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
    push = ModelPush(editor, repo_id, private, revision, figures)
    with failing_as(push.failure):
        api = connect(token)
    push.create(api)
    return push.upload(api).commit_url


class ModelPush:
    """An editor and its card on their way to a repository. Arguments and errors are those of `publish`.

    Names and figures are checked here, before any request is made.
    """

    def __init__(
        self, editor: Editor, repo_id: str, private: bool, revision: str | None, figures: Mapping[str, Any] | None
    ) -> None:
        self.editor, self.repo_id, self.private, self.revision = editor, repo_id, private, revision
        self.failure = f"cannot publish to {repo_id!r}"
        with failing_as(self.failure):
            check_id(repo_id)
            self.card = model_card(editor, repo_id, figures)

    def create(self, api: HfApi) -> None:
        """Create the repository and the branch, where there are none."""
        with failing_as(self.failure):
            api.create_repo(self.repo_id, private=self.private, exist_ok=True)
            if self.private and not api.model_info(self.repo_id).private:
                raise PublishError(ALREADY_PUBLIC)
            if self.revision is not None:
                api.create_branch(self.repo_id, branch=self.revision, exist_ok=True)

    def upload(self, api: HfApi) -> CommitInfo:
        """Push the files and the card in one commit."""
        with failing_as(self.failure), TemporaryDirectory() as folder:
            self.editor.save_pretrained(folder)
            (Path(folder) / "README.md").write_text(self.card, encoding="utf-8")  # in place of the mixin's
            return api.upload_folder(
                repo_id=self.repo_id,
                folder_path=folder,
                revision=self.revision,
                commit_message="Publish the editor",
            )
