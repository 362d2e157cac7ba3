"""Weights in a folder or on the Hugging Face Hub, and what the errors of its client mean."""

import re
from collections.abc import Iterator
from socket import gaierror

from huggingface_hub import constants
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

from .errors import WeightsError, first_line

OFFLINE = "the Hub's client is offline (HF_HUB_OFFLINE is set)"


# The Hub's errors ---------------------------------------------------------------------------------


def is_hub_id(name: str) -> bool:
    """Whether a name has the form owner/name."""
    try:
        validate_repo_id(name)
    except HFValidationError:
        return False
    return "/" in name


def check_token(token: str) -> None:
    """Refuse a token that cannot be sent: the HTTP client's own error would print it.

    Raises:
        WeightsError: the token is empty, or has spaces, line breaks or characters outside ASCII.
    """
    if not re.fullmatch("[!-~]+", token):
        raise WeightsError("the token is empty, or has spaces, line breaks or letters that no token has")


def hub_problem(error: BaseException) -> str | None:
    """Say what the Hub's client means by an error, as the end of a sentence; None: it is not one of its errors."""
    chain = list(_chain(error))
    uncached = any(isinstance(link, LocalEntryNotFoundError) for link in chain)
    prefix = "it is not in the cache, and " if uncached else ""
    for link in chain:
        if isinstance(link, HfHubHTTPError):
            return prefix + _refusal(link)
        if isinstance(link, OfflineModeIsEnabled):
            return prefix + OFFLINE
        if isinstance(link, ConnectionError | TimeoutError | gaierror):
            return prefix + f"{constants.ENDPOINT} cannot be reached: {link.strerror or first_line(link)}"
    return prefix + "the Hub was not asked (local_files_only)" if uncached else None


def _refusal(error: HfHubHTTPError) -> str:
    status, said = error.response.status_code, (error.server_message or "").partition("\n")[0]
    if isinstance(error, GatedRepoError):
        return "the repository is gated: ask for access on its page, and pass a token that has it"
    if isinstance(error, RevisionNotFoundError):
        return "the repository has no such revision"
    if isinstance(error, RepositoryNotFoundError):
        return "there is no such repository, or it is private and the token does not open it"
    if status == 401:
        return f"the Hub does not accept the token: {said}"
    if status == 403:
        return f"the token does not permit this: {said}"
    return f"the Hub answered {status}: {said}"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what led to it, newest first."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
