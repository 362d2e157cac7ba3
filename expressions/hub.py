"""The Hugging Face Hub: what its names and tokens may be, and what the errors of its client mean."""

import re
from socket import gaierror

from huggingface_hub import constants
from huggingface_hub.errors import (  # type: ignore[attr-defined]
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    HTTPError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
)
from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

from .errors import first_line

CLIENT_ERRORS = (HTTPError, ImportError, OSError, RuntimeError, ValueError)  # what it raises; ImportError: SOCKS
OFFLINE = "the Hub's client is offline (HF_HUB_OFFLINE is set)"


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
        ValueError: the token is empty, or has spaces, line breaks or characters outside ASCII.
    """
    if not re.fullmatch("[!-~]+", token):
        raise ValueError("the token is empty, or has spaces, line breaks or letters that no token has")


def hub_problem(error: BaseException) -> str:
    """Say what an error of the Hub's client means, as the end of a sentence: in its own words, where they serve."""
    link: BaseException | None = error
    while link is not None:
        if isinstance(link, RepositoryNotFoundError) and not isinstance(link, GatedRepoError):
            return "there is no such repository, or it is private and the token does not open it"
        if isinstance(link, HfHubHTTPError):
            said = (link.server_message or "").partition("\n")[0]
            return f"the Hub answered {link.response.status_code}: {said}"
        if isinstance(link, OfflineModeIsEnabled):
            return OFFLINE
        if isinstance(link, ConnectionError | TimeoutError | gaierror):
            return f"{constants.ENDPOINT} cannot be reached: {link.strerror or first_line(link)}"
        link = link.__cause__ or link.__context__
    return first_line(error)
