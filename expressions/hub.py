"""Weights in a folder or on the Hugging Face Hub, and what the errors of its client mean."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from socket import gaierror
from typing import Any

from huggingface_hub import constants, hf_hub_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from .attributes import SKIN_TONE
from .errors import first_line

OFFLINE = "the Hub's client is offline (HF_HUB_OFFLINE is set)"


class WeightsError(ValueError):
    """Weights that cannot be loaded; the message names the source and what is wrong with it."""


def fetch_files(name: str, revision: str | None, options: dict[str, Any]) -> dict[str, Path]:
    """Paths of the two files of an editor, downloaded from one commit if `name` is a Hub id and no folder.

    Args:
        name: a folder, or owner/name.
        revision: commit, tag or branch, which a folder has not; None is the main branch.
        options: further keyword arguments of `hf_hub_download`.

    Raises:
        WeightsError: a file is missing or did not arrive, or a revision of a folder was asked for.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        if revision is not None:
            raise WeightsError("a revision belongs to weights on the Hub, and this is a folder")
        files = {file: folder / file for file in (constants.CONFIG_NAME, constants.SAFETENSORS_SINGLE_FILE)}
        for path in files.values():
            if not path.is_file():
                raise WeightsError(f"it has no file {path.name}")
        return files
    if not is_hub_id(name):
        raise WeightsError("there is no such folder, and it is not a Hub id of the form owner/name")
    if isinstance(options.get("token"), str):
        check_token(options["token"])
    config = _download(name, constants.CONFIG_NAME, revision, options)
    commit = config.parent.name  # of the cached snapshot
    tensors = _download(name, constants.SAFETENSORS_SINGLE_FILE, commit, options)
    return {constants.CONFIG_NAME: config, constants.SAFETENSORS_SINGLE_FILE: tensors}


def _download(name: str, file: str, revision: str | None, options: dict[str, Any]) -> Path:
    try:
        return Path(hf_hub_download(name, file, revision=revision, **options))
    except RemoteEntryNotFoundError as error:
        raise WeightsError(f"it has no file {file}") from error
    except Exception as error:  # the client raises many unrelated types
        raise WeightsError(hub_problem(error) or f"{file} did not arrive: {first_line(error)}") from error


def read_config(path: Path) -> dict[str, Any]:
    """The arguments of the editor's constructor.

    Raises:
        WeightsError: the file holds none.
    """
    try:
        config = json.loads(path.read_text())
    except ValueError as error:
        raise WeightsError(f"{path.name} is not JSON: {error}") from error
    if not isinstance(config, dict) or not isinstance(config.get("attributes"), list):
        raise WeightsError(f"{path.name} has no list of attributes")
    names = config["attributes"]
    if not all(isinstance(name, str) and re.fullmatch(r"\w+", name) for name in names) or len(set(names)) < len(names):
        raise WeightsError(f"{path.name}: attributes must be distinct names of letters, digits and _")
    if SKIN_TONE in names:
        raise WeightsError(
            f"{path.name}: {SKIN_TONE} is measured from the pixels, not one of a classifier's attributes"
        )
    return config


def load_tensors(module: nn.Module, path: Path) -> None:
    """Fill in every tensor of a module.

    Raises:
        WeightsError: naming the first tensor that is missing, misshapen, not finite or unknown, or why the file cannot
            be read.
    """
    try:
        tensors = load_file(path)
    except OSError as error:
        raise WeightsError(f"{path.name} cannot be read: {error.strerror or error}") from error
    except SafetensorError as error:
        raise WeightsError(f"{path.name} is truncated or damaged: {error}") from error
    expected = module.state_dict()
    for name, tensor in expected.items():
        if name not in tensors:
            raise WeightsError(f"{path.name} has no tensor {name}")
        if tensors[name].shape != tensor.shape:
            found = tuple(tensors[name].shape)
            raise WeightsError(f"{path.name}: tensor {name} must have shape {tuple(tensor.shape)}, got {found}")
        if not tensors[name].isfinite().all():
            raise WeightsError(f"{path.name}: tensor {name} holds numbers that are not finite")
    unknown = sorted(tensors.keys() - expected.keys())
    if unknown:
        raise WeightsError(f"{path.name} has an unknown tensor {unknown[0]}")
    module.load_state_dict(tensors, strict=True)


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
