"""The files of an editor: in a folder, or in a repository on the Hugging Face Hub."""

import json
import re
from pathlib import Path
from typing import Any

from huggingface_hub import constants, hf_hub_download
from huggingface_hub.errors import RemoteEntryNotFoundError

from .attributes import SKIN_TONE
from .hub import CLIENT_ERRORS, check_token, hub_problem, is_hub_id

EMBEDDED_WEIGHTS = Path(__file__).parent / "weights"
CONFIG, TENSORS = constants.CONFIG_NAME, constants.SAFETENSORS_SINGLE_FILE  # config.json, model.safetensors


def find_files(name: str, revision: str | None, download: dict[str, Any]) -> tuple[Path, Path]:
    """Paths of `CONFIG` and `TENSORS`, downloaded from one commit if `name` is a Hub id and no folder.

    Args:
        name: a folder, or owner/name.
        revision: commit, tag or branch, which a folder has not; None is the main branch.
        download: further arguments of `hf_hub_download`.

    Raises:
        ValueError: a file is missing or did not arrive, or a revision of a folder was asked for.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        if revision is not None:
            raise ValueError("a revision belongs to weights on the Hub, and this is a folder")
        for file in (CONFIG, TENSORS):
            if not (folder / file).is_file():
                raise ValueError(f"it has no file {file}")
        return folder / CONFIG, folder / TENSORS
    if not is_hub_id(name):
        raise ValueError("there is no such folder, and it is not a Hub id of the form owner/name")
    if isinstance(download.get("token"), str):
        check_token(download["token"])
    config = _download(name, CONFIG, revision, download)
    commit = config.parent.name  # of the cached snapshot
    return config, _download(name, TENSORS, commit, download)


def _download(name: str, file: str, revision: str | None, download: dict[str, Any]) -> Path:
    try:
        return Path(hf_hub_download(name, file, revision=revision, **download))
    except RemoteEntryNotFoundError as error:
        raise ValueError(f"it has no file {file}") from error
    except CLIENT_ERRORS as error:
        raise ValueError(hub_problem(error)) from error


def read_config(path: Path) -> dict[str, Any]:
    """The arguments of the editor's constructor.

    Raises:
        OSError, ValueError: the file cannot be read, or holds something else.
    """
    config = json.loads(path.read_text())
    if not isinstance(config, dict) or not isinstance(config.get("attributes"), list):
        raise ValueError("no list of attributes")
    names = config["attributes"]
    if not all(isinstance(name, str) and re.fullmatch(r"\w+", name) for name in names) or len(set(names)) < len(names):
        raise ValueError("attributes must be distinct names of letters, digits and _")
    if SKIN_TONE in names:
        raise ValueError(f"{SKIN_TONE} is measured from the pixels, not one of a classifier's attributes")
    for part in ("chooser", "lens"):
        if not isinstance(config.get(part, False), bool):
            raise ValueError(f"{part} must be true or false, got {config[part]!r:.40}")
    unknown = sorted(config.keys() - {"attributes", "width", "chooser", "lens"})
    if unknown:
        raise ValueError(f"unknown entry {unknown[0]!r}")
    return config
