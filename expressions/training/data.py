"""CelebA through `datasets`: a Hub repository or a local folder, decoded once to 64x64."""

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import torch
from PIL import Image
from torch import Tensor
from tqdm.auto import tqdm

from ..attributes import HUB_DATASET
from ..errors import first_line
from ..hub import OFFLINE, is_hub_id
from ..images import crop_face
from .config import DataOptions

HUB_REVISION = "2d738f56e0e7f925ea36ae7c808ea925264aacec"  # so that a training reads the same faces in a year
_SPLIT_ALIASES = {"valid": "validation", "validation": "valid"}
_PERSON = "celeb_id"
_PIXELS = "pixels"  # the decoded column: 3*64*64 bytes a row
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
    parquet files, or images and a metadata.csv. The cache of `datasets` keeps the decoded pixels: a second call reads
    them back, a changed source is decoded anew.

    Args:
        options: the source, and which rows of it.
        split: its name; "valid" and "validation" stand for each other.
        attributes: label columns to read: bool, 0/1 or -1/+1.
        people: whether to read who each face shows, column `celeb_id`.

    Raises:
        DataError: the folder, repository, split or column does not exist, the split is empty, a picture is truncated or
            of another size, or a label or `celeb_id` is not one.
    """
    if options.streaming and options.limit is None:
        raise DataError("streaming reads only the first rows: say how many with limit")
    half, limit = options.identities, options.limit
    where = f"{options.data}, split {split!r}" + (f", {half} people" if half != "all" else "")
    columns = [*attributes, *[_PERSON] * people]
    rows = _keep_half(_open(options, split), ["image", *columns], half, where)
    if options.streaming:
        first = rows.select_columns(["image", *columns]).take(limit)
        rows = datasets.Dataset.from_list(list(tqdm(first, total=limit, desc="Streaming faces", unit="face")))
    elif limit is not None:
        rows = rows.select(range(min(limit, len(rows))))
    if len(rows) == 0:
        raise DataError(f"{where}: the split is empty")
    images = _decode(rows, where)
    values = rows.select_columns(columns)[:] if columns else {}
    ids = [_checked_person(person, row, where) for row, person in enumerate(values.pop(_PERSON, []))]
    labels = _to_labels(values, len(rows), where)
    return FaceDataset(images, labels, tuple(attributes), torch.tensor(ids, dtype=torch.int64))


def known_revision(source: str) -> str | None:
    """The commit of `HUB_DATASET` that is read where none is asked for; None, the newest, of any other source."""
    return HUB_REVISION if source == HUB_DATASET else None


# Rows ---------------------------------------------------------------------------------------------


def _open(options: DataOptions, split: str) -> Any:
    """Open the split, a `datasets.Dataset` or, streaming, an `IterableDataset`."""
    source, folder = options.data, Path(options.data).expanduser()
    if folder.is_dir():
        name, revision, place = str(folder), None, ""
        if options.revision is not None:
            raise DataError(f"revision {options.revision!r} belongs to a data set on the Hub: {source} is a folder")
    elif is_hub_id(source):
        name, revision, place = source, options.revision or known_revision(source), " on the Hub"
    else:
        raise DataError(f"data: no folder {source!r}, and it is not a Hub id of the form owner/name")
    with _told_of(f"data: cannot open {source!r}{place}"):
        splits = datasets.get_dataset_split_names(name, revision=revision)
    found = split if split in splits else _SPLIT_ALIASES.get(split, split)
    if found not in splits:
        raise DataError(f"{source}: no split {split!r}; it has {', '.join(map(str, splits))}")
    with _told_of(f"{source}, split {split!r}"):
        return datasets.load_dataset(name, split=found, revision=revision, streaming=options.streaming)


@contextmanager
def _told_of(where: str) -> Iterator[None]:
    """Around a call of `datasets`, which raises many unrelated types: say where it failed."""
    try:
        yield
    except Exception as error:
        raise DataError(f"{where}: {_sentence(error)}") from error


def _sentence(error: BaseException) -> str:
    """What an error of `datasets` says, and what caused it."""
    if isinstance(error, ConnectionError):  # `datasets` drops what led to it
        config = datasets.config
        return OFFLINE if config.HF_HUB_OFFLINE else f"{config.HF_ENDPOINT} cannot be reached"
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
    given = {"half": half, "where": where}
    return rows.filter(_is_in_half, with_indices=True, input_columns=_PERSON, fn_kwargs=given)


def _is_in_half(person: Any, row: int, half: str, where: str) -> bool:
    return _checked_person(person, row, where) % 2 == (half == "odd")


# Values -------------------------------------------------------------------------------------------


def _checked_person(person: Any, row: int, where: str) -> int:
    if isinstance(person, bool) or not isinstance(person, int):
        raise DataError(f"{where}, row {row}, column {_PERSON}: expected a whole number, got {person!r}")
    return person


def _to_labels(columns: dict[str, list[Any]], count: int, where: str) -> Tensor:
    """Labels as bool (N, K): True is present, from bool, 0/1 or -1/+1."""
    labels = torch.zeros((count, len(columns)), dtype=torch.bool)
    for column, (name, values) in enumerate(columns.items()):
        for row, value in enumerate(values):
            if value not in (-1, 0, 1):  # True and False equal 1 and 0
                raise DataError(f"{where}, row {row}, column {name}: expected a bool, 0/1 or -1/+1, got {value!r}")
        labels[:, column] = torch.tensor([value > 0 for value in values])
    return labels


def _decode(rows: datasets.Dataset, where: str) -> Tensor:
    """Decode column `image` to (N, 3, 64, 64) uint8, or read back what was decoded before.

    The cache knows them by this column alone, so that trainings with other labels share the decoded pixels.
    """
    decoded = rows.select_columns("image").map(
        _decode_batch,
        with_indices=True,
        input_columns="image",
        batched=True,
        batch_size=_BATCH,
        remove_columns="image",
        features=datasets.Features({_PIXELS: datasets.Value("binary")}),
        fn_kwargs={"where": where},
        desc="Decoding faces",
    )
    images = np.empty((len(decoded), 3, 64, 64), np.uint8)
    for start, batch in zip(range(0, len(decoded), _BATCH), decoded.iter(_BATCH), strict=True):
        pixels = np.frombuffer(b"".join(batch[_PIXELS]), np.uint8)
        images[start : start + _BATCH] = pixels.reshape(-1, 3, 64, 64)
    return torch.from_numpy(images)


def _decode_batch(images: list[dict[str, Any] | None], rows: list[int], where: str) -> dict[str, list[bytes]]:
    return {_PIXELS: [_decode_picture(image, row, where) for image, row in zip(images, rows, strict=True)]}


def _decode_picture(image: dict[str, Any] | None, row: int, where: str) -> bytes:
    """Decode and crop one undecoded `datasets.Image` value; errors name its row and file."""
    name = f" ({image['path']})" if image and image.get("path") else ""
    try:
        if not image or (image["bytes"] is None and image["path"] is None):
            raise ValueError("expected a picture, got nothing")
        with Image.open(io.BytesIO(image["bytes"]) if image["bytes"] is not None else image["path"]) as picture:
            return crop_face(picture).tobytes()
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:  # Pillow's own kinds
        raise DataError(f"{where}, row {row}{name}: {error}") from error
