"""CelebA through `datasets`: a Hub repository or a local folder, decoded once to 64x64."""

import io
import math
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import torch
from datasets.packaged_modules.imagefolder.imagefolder import ImageFolder
from datasets.utils.file_utils import xopen
from huggingface_hub import constants, file_exists
from huggingface_hub.errors import HTTPError  # type: ignore[attr-defined]
from PIL import Image
from torch import Tensor
from tqdm.auto import tqdm

from ..attributes import HUB_DATASET
from ..errors import first_line
from ..hub import OFFLINE, is_hub_id
from ..images import FRAME_SIZE, IMAGE_SIZE, crop_face
from .config import DataOptions
from .folders import METADATA, listed, same_split, split_folder

HUB_REVISION = "2d738f56e0e7f925ea36ae7c808ea925264aacec"  # so that a training reads the same faces in a year
_PERSON = "celeb_id"
# The decoded column: 3*64*64 bytes a row. The cache goes by its name: change that where a picture gives other pixels.
_PIXELS = "pixels 2"
_BATCH = 256  # rows that are decoded, or read from the cache, at a time


class DataError(ValueError):
    """A data set that cannot be used; the message names the file, row or column and what was expected."""


@dataclass(frozen=True)
class FaceDataset:
    """Decoded faces."""

    images: Tensor  # (N, 3, 64, 64) uint8
    labels: Tensor  # (N, K) bool, one column for each attribute
    attributes: tuple[str, ...]
    people: Tensor  # (N,) int64; (0,) if they were not asked for

    def __len__(self) -> int:
        return len(self.images)


def load_faces(
    options: DataOptions, split: str, *, attributes: Sequence[str] = (), people: bool = False
) -> FaceDataset:
    """Load a split of CelebA and decode it to 64x64.

    The source needs a column `image` of 178x218 or 64x78 pictures; columns that are not named are ignored. A folder has
    parquet files, or images and a metadata.csv: see `split_folder`. The cache of `datasets` keeps the decoded pixels: a
    second call reads them back, a changed source is decoded anew.

    Args:
        options: the source, and which rows of it.
        split: its name; "valid", "validation", "val" and "dev" stand for each other.
        attributes: label columns to read: bool, 0/1 or -1/+1.
        people: whether to read who each face shows, column `celeb_id`.

    Raises:
        DataError: the folder, repository, split or column does not exist, the split is empty, a picture is truncated,
            of another size or not to be made RGB, a label or `celeb_id` is not one, or the cache cannot be written to.
    """
    columns = [*attributes, *[_PERSON] * people]
    rows, where = _choose(options, split, columns)
    images = _decode(rows, where)
    values = rows.select_columns(columns)[:] if columns else {}
    with _told_of(where):
        ids = [_checked_person(person, row) for row, person in enumerate(values.pop(_PERSON, []))]
        labels = _to_labels(values, len(rows))
    return FaceDataset(images, labels, tuple(attributes), torch.tensor(ids, dtype=torch.int64))


def load_large_faces(options: DataOptions, split: str, side: int) -> Tensor:
    """Load the faces of a split as (N, 3, side, side) uint8. If the side is not 64, 64x78 pictures are left out.

    Raises:
        DataError: as for `load_faces`, or every picture is left out.
    """
    rows, where = _choose(options, split, [])
    images = _decode(rows, where, side)
    if not len(images):
        raise DataError(
            f"{where}: no picture of 178x218 pixels, of which a side of {side} can be cut: ask for {IMAGE_SIZE}"
        )
    return images


def known_revision(source: str) -> str | None:
    """The commit of `HUB_DATASET` that is read where none is asked for; None, the newest, of any other source."""
    return HUB_REVISION if source == HUB_DATASET else None


# Rows ---------------------------------------------------------------------------------------------


def _choose(options: DataOptions, split: str, columns: list[str]) -> tuple[datasets.Dataset, str]:
    """The rows that the options ask for, pictures undecoded, with columns besides; and what errors call them."""
    if options.streaming and options.limit is None:
        raise DataError("streaming reads only the first rows: say how many with limit")
    half, limit = options.identities, options.limit
    where = f"{options.data}, split {split!r}" + (f", {half} people" if half != "all" else "")
    rows = _keep_half(_open(options, split), ["image", *columns], half, where)
    if options.streaming:
        first = rows.select_columns(["image", *columns]).take(limit)
        with _told_of(where):
            rows = datasets.Dataset.from_list(list(tqdm(first, total=limit, desc="Streaming faces", unit="face")))
    elif limit is not None:
        rows = rows.select(range(min(limit, len(rows))))
    if len(rows) == 0:
        raise DataError(f"{where}: the split is empty")
    return rows, where


def _open(options: DataOptions, split: str) -> Any:
    """Open the split, pictures undecoded: a `datasets.Dataset` or, streaming, an `IterableDataset`."""
    source, folder = options.data, Path(options.data).expanduser()
    if folder.is_dir():
        if options.revision is not None:
            raise DataError(f"revision {options.revision!r} belongs to a data set on the Hub: {source} is a folder")
        given = _in_folder(source, folder.resolve(), split)
    elif folder.exists():
        raise DataError(f"data: {source!r} is no folder: unzip it, if it is an archive, and name the folder")
    elif is_hub_id(source):
        given = _on_hub(source, options.revision or known_revision(source), split)
    else:
        raise DataError(f"data: no folder {source!r}, and it is not a Hub id of the form owner/name")
    with _told_of(f"{source}, split {split!r}"):
        rows = datasets.load_dataset(**given, streaming=options.streaming)
        return rows.decode(False) if options.streaming else rows  # before it decodes a stream from the Hub


def _in_folder(source: str, folder: Path, split: str) -> dict[str, Any]:
    """What `datasets` is to load of a folder."""
    try:
        module, splits = split_folder(folder)
        found = _find(split, splits)
        files = {found: listed(splits[found])}
    except (OSError, ValueError) as error:
        raise DataError(f"{source}: {first_line(error)}") from error
    return {"path": module, "data_files": files, "split": found}


def _on_hub(source: str, revision: str | None, split: str) -> dict[str, Any]:
    """What `datasets` is to load from the Hub."""
    given: dict[str, Any] = {"path": source, "revision": revision}
    with _told_of(f"data: cannot open {source!r} on the Hub"):
        builder = datasets.load_dataset_builder(**given)
        if isinstance(builder, ImageFolder) and any(
            file_exists(source, name, repo_type="dataset", revision=revision) for name in METADATA
        ):
            given |= {"data_files": {"train": "**"}}  # one split, which `datasets` would divide by the pictures' names
        splits = datasets.get_dataset_split_names(**given)
    try:
        return given | {"split": _find(split, splits)}
    except ValueError as error:
        raise DataError(f"{source}: {error}") from error


def _find(split: str, splits: Collection[str]) -> str:
    """What the split is called there."""
    for name in (split, *splits):
        if name in splits and same_split(name) == same_split(split):
            return name
    raise ValueError(f"no split {split!r}; it has {', '.join(splits)}")


@contextmanager
def _told_of(where: str) -> Iterator[None]:
    """Around a call of `datasets`, which raises many unrelated types, and of what it calls: say where it failed."""
    try:
        yield
    except DataError as error:  # of a row
        raise DataError(f"{where}, {error}") from error
    except Exception as error:
        raise DataError(f"{where}: {_sentence(error)}") from error


def _sentence(error: BaseException) -> str:
    """What an error of `datasets` says, and what caused it."""
    if isinstance(error, ConnectionError):  # `datasets` drops what led to it
        return OFFLINE if datasets.config.HF_HUB_OFFLINE else f"{datasets.config.HF_ENDPOINT} cannot be reached"
    if isinstance(error, OSError) and error.filename is not None:
        failed = Path(error.filename)
        for cache in map(Path, (datasets.config.HF_DATASETS_CACHE, constants.HF_HUB_CACHE)):
            if failed.is_relative_to(cache) or cache.is_relative_to(failed):
                return f"cannot use the cache folder {cache}, {error.strerror}: name another with HF_HOME"
    if "corresponds to no data" in str(error):
        return "the split is empty"
    texts = [first_line(error)]
    if error.__cause__ is not None:
        texts.append(_sentence(error.__cause__))
    return ": ".join(dict.fromkeys(texts))


def _keep_half(rows: Any, columns: list[str], half: str, where: str) -> Any:
    """The rows of all people, or of the even or odd ones, if they have these columns; pictures are not decoded yet."""
    needed = columns if half == "all" else [*dict.fromkeys([*columns, _PERSON])]
    there = rows.column_names or list(next(iter(rows), {}))
    missing = [name for name in needed if name not in there]
    if missing:
        raise DataError(f"{where}: no column {', '.join(missing)}; it has {', '.join(there) or 'none'}")
    with _told_of(f"{where}, column image: expected pictures"):
        rows = rows.cast_column("image", datasets.Image(decode=False))
    if half == "all":
        return rows
    with _told_of(where):
        return rows.filter(_is_in_half, with_indices=True, input_columns=_PERSON, fn_kwargs={"half": half})


def _is_in_half(person: Any, row: int, half: str) -> bool:
    return _checked_person(person, row) % 2 == (half == "odd")


# Values -------------------------------------------------------------------------------------------


def _checked_person(person: Any, row: int) -> int:
    """A number that may have become a float, as pandas makes all numbers of a column where one is missing."""
    is_number = isinstance(person, int | float) and not isinstance(person, bool)
    if not is_number or not float(person).is_integer() or abs(person) >= 2**63:
        raise DataError(f"row {row}, column {_PERSON}: expected a whole number, got {_shown(person)}")
    return int(person)


def _shown(value: Any) -> str:
    is_missing = value is None or (isinstance(value, float) and math.isnan(value))
    return "nothing" if is_missing else repr(value)


def _to_labels(columns: dict[str, list[Any]], count: int) -> Tensor:
    """Labels as bool (N, K): True is present, from bool, 0/1 or -1/+1."""
    labels = torch.zeros((count, len(columns)), dtype=torch.bool)
    for column, (name, values) in enumerate(columns.items()):
        for row, value in enumerate(values):
            if value not in (-1, 0, 1):  # True and False equal 1 and 0
                raise DataError(f"row {row}, column {name}: expected a bool, 0/1 or -1/+1, got {_shown(value)}")
        if -1 in values and 0 in values:
            rows = f"{values.index(-1)} has -1, row {values.index(0)} has 0"
            raise DataError(f"column {name}: row {rows}: expected 0/1 or -1/+1, not both")
        labels[:, column] = torch.tensor([value > 0 for value in values])
    return labels


def _decode(rows: datasets.Dataset, where: str, side: int = IMAGE_SIZE) -> Tensor:
    """Decode column `image` to (N, 3, side, side) uint8, or read back what was decoded before.

    The cache knows them by this column alone, so that trainings with other labels share the decoded pixels. At another
    side than 64, pictures that hold no such face are left out.
    """
    with _told_of(where):
        decoded = rows.select_columns("image").map(
            _decode_batch,
            with_indices=True,
            input_columns="image",
            batched=True,
            batch_size=_BATCH,
            fn_kwargs=None if side == IMAGE_SIZE else {"side": side},
            remove_columns="image",
            features=datasets.Features({_PIXELS: datasets.Value("binary")}),
            desc="Decoding faces",
        )
    images = np.empty((len(decoded), 3, side, side), np.uint8)
    for start, batch in zip(range(0, len(decoded), _BATCH), decoded.iter(_BATCH), strict=True):
        pixels = np.frombuffer(b"".join(batch[_PIXELS]), np.uint8)
        images[start : start + _BATCH] = pixels.reshape(-1, 3, side, side)
    return torch.from_numpy(images)


def _decode_batch(images: list[Any], rows: list[int], side: int = IMAGE_SIZE) -> dict[str, list[bytes]]:
    decoded = (_decode_picture(image, row, side) for image, row in zip(images, rows, strict=True))
    return {_PIXELS: [pixels for pixels in decoded if pixels]}


def _decode_picture(image: dict[str, Any] | None, row: int, side: int = IMAGE_SIZE) -> bytes:
    """Decode and crop one picture, wherever `datasets` says it is; errors name its row and file.

    Empty: the picture is a frame of 64x78 pixels, and holds no face of another side.
    """
    name = f" ({image['path']})" if image and image.get("path") else ""
    try:
        if not image or (image["bytes"] is None and image["path"] is None):
            raise ValueError("expected a picture, got nothing")
        with (
            io.BytesIO(image["bytes"]) if image["bytes"] is not None else xopen(image["path"], "rb") as file,
            Image.open(file) as picture,
        ):
            if side != IMAGE_SIZE and picture.size == FRAME_SIZE:
                return b""
            return crop_face(picture, side).tobytes()
    except (HTTPError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:  # the Hub's, Pillow's
        raise DataError(f"row {row}{name}: {first_line(error)}") from error
