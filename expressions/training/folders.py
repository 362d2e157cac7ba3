"""A folder of faces: which of its files are which split."""

import hashlib
import re
from glob import glob
from pathlib import Path, PurePath

from datasets.data_files import SPLIT_KEYWORDS, DataFilesList
from datasets.packaged_modules.imagefolder.imagefolder import ImageFolder

METADATA = tuple(ImageFolder.METADATA_FILENAMES)
_PICTURES = (*ImageFolder.EXTENSIONS, ".zip")
_SPLITS = {word: str(split) for split, words in SPLIT_KEYWORDS.items() for word in words}


def same_split(name: str) -> str:
    """The one name that stands for all of a split: "validation" for "valid", "val" and "dev"."""
    return _SPLITS.get(name, name)


def split_folder(folder: Path) -> tuple[str, dict[str, list[Path]]]:
    """Say which module of `datasets` reads a folder, and which files each split has.

    `datasets` would take a split from any picture's name, and leave the other pictures out. Here the name of a folder
    with metadata files tells the split; of one with pictures, or of a zip file, where there is no metadata. The name of
    a parquet file does, or its folder's. Where none tells, all are "train".

    Raises:
        ValueError: there are no such files, only some tell their split, or the path has two colons.
    """
    if "::" in str(folder):  # where `datasets` divides a path
        raise ValueError("nothing can be read from a path with two colons: rename it")
    found = glob("**", root_dir=folder, recursive=True)  # noqa: PTH207 - it follows links and skips hidden names
    names = [PurePath(name) for name in sorted(found)]
    metadata = [name for name in names if name.name in METADATA]
    pictures = [name for name in names if name.suffix.lower() in _PICTURES]
    tables = [name for name in names if name.suffix == ".parquet" and name not in metadata]
    if tables and not (metadata and pictures):
        module, files, split_of, telling = "parquet", tables, _split_of_table, tables
    else:
        module, files, split_of, telling = "imagefolder", metadata + pictures, _split_of_picture, metadata or pictures
    if not telling:
        raise ValueError("it holds no parquet file and no picture")
    if len(metadata) > 1 and any(len(name.parts) == 1 for name in metadata):
        raise ValueError(f"a metadata file at the top is one split, but there are {len(metadata)} of them")
    told = {split_of(name) for name in telling}
    if told == {""}:
        return module, {"train": [folder / name for name in files]}
    if "" in told:
        untold = next(name for name in telling if not split_of(name))
        raise ValueError(f"name the split in the path of {untold}, as train, valid or test: others have it there")
    return module, {split: [folder / name for name in files if split_of(name) == split] for split in sorted(told)}


def _split_of_picture(name: PurePath) -> str:
    """The split that the first folder, or zip file, of such a name stands for; empty: none."""
    folders = name.with_suffix("") if name.suffix == ".zip" else name.parent
    return next((part.lower() for part in folders.parts if part.lower() in _SPLITS), "")


def _split_of_table(name: PurePath) -> str:
    """The split that a parquet file's name begins with, as on the Hub, or else a word of its path; empty: none."""
    shard = re.match(r"(\w+(?:\.\w+)*)-\d{5}-of-\d{5}", name.name)
    if shard:
        return shard[1]
    for part in reversed(name.parts):
        words = {_SPLITS[word] for word in re.split(r"[-._ 0-9]+", part.lower()) if word in _SPLITS}
        if words:
            return words.pop() if len(words) == 1 else ""
    return ""


def listed(files: list[Path]) -> DataFilesList:
    """The files for `datasets`, which reads them anew where the content of one has changed, whatever its time says."""
    digest = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return DataFilesList([str(path) for path in files], [(digest.hexdigest(),)])
