"""What pushes to the Hugging Face Hub have in common: names, tokens and errors."""

from collections.abc import Iterator
from contextlib import contextmanager

from huggingface_hub import HfApi, get_token

from ..hub import CLIENT_ERRORS, check_token, hub_problem, is_hub_id


class PublishError(ValueError):
    """An editor that cannot be published; the message names the repository and what is wrong."""


@contextmanager
def failing_as(failure: str) -> Iterator[None]:
    """Make an error of ours or of the Hub's client a PublishError: `failure`, a colon, and what is wrong."""
    try:
        yield
    except CLIENT_ERRORS as error:  # ours are ValueErrors
        raise PublishError(f"{failure}: {hub_problem(error)}") from error


def check_id(repo_id: str) -> None:
    """Refuse what is no name of a repository.

    Raises:
        PublishError: the name has not the form owner/name.
    """
    if not is_hub_id(repo_id):
        raise PublishError("a Hub id has the form owner/name")


def connect(token: str | None) -> HfApi:
    """The Hub's client with a token, the given one or the stored login; no request is made.

    Raises:
        ValueError: there is no token, or it cannot be sent.
    """
    token = token if token is not None else get_token()
    if token is None:
        raise PublishError("there is no token: pass one, set HF_TOKEN or run `hf auth login`")
    check_token(token)
    return HfApi(token=token, library_name="expressions")


def create(api: HfApi, repo_id: str, private: bool, space_sdk: str | None = None) -> None:
    """Create a repository where there is none, of a Space if `space_sdk` says what it runs.

    Raises:
        PublishError: it should be private and is public.
    """
    kind = "model" if space_sdk is None else "space"
    api.create_repo(repo_id, repo_type=kind, space_sdk=space_sdk, private=private, exist_ok=True)
    if private and not api.repo_info(repo_id, repo_type=kind).private:
        raise PublishError("it exists and is public: make it private on its settings page first")
