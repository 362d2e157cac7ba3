"""weights_files."""

import json
import re
from pathlib import Path
from typing import Any

from huggingface_hub import constants, hf_hub_download
from huggingface_hub.errors import RemoteEntryNotFoundError
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from .attributes import SKIN_TONE
from .errors import WeightsError, first_line
from .hub import check_token, hub_problem, is_hub_id


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
