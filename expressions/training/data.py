"""CelebA through `datasets`: a Hub repository or a local folder, decoded once to uint8."""

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import torch
from datasets import Features, Value
from PIL import Image
from torch import Tensor
from tqdm.auto import tqdm

from ..errors import first_line
from ..hub import OFFLINE, is_hub_id
from ..images import crop_face
from .config import HUB_DATASET, IDENTITIES

HUB_REVISION = "2d738f56e0e7f925ea36ae7c808ea925264aacec"
_SPLIT_ALIASES = {"valid": "validation", "validation": "valid"}
_PERSON = "celeb_id"
_PIXELS = "pixels"  # the decoded column: 3*64*64 bytes a row


class DataError(ValueError):
    """A data set that cannot be used; the message names the file, row or column and what was expected."""


@dataclass(frozen=True)
class Faces:
    """Decoded faces: images (N, 3, 64, 64) uint8, labels (N, K) bool, one column for each attribute; people (N,) int64
    if they were asked for, or (0,)."""

    images: Tensor
    labels: Tensor
    attributes: tuple[str, ...]
    people: Tensor = field(default_factory=lambda: torch.empty(0, dtype=torch.int64))

    def __len__(self) -> int:
        return len(self.images)


def load_faces(
    source: str = HUB_DATASET,
    split: str = "train",
    *,
    revision: str | None = None,
    attributes: Sequence[str] = (),
    identities: str = "all",
    people: bool = False,
    streaming: bool = False,
    limit: int | None = None,
) -> Faces:
    """Load a split of CelebA and decode it to 64x64.

    The decoded pixels are kept in the cache of `datasets`, under the fingerprint of the source: a
    second call reads them back, a changed source is decoded anew.

    Args:
        source: Hub id, or a local folder of parquet files or of images with a metadata.csv. It needs a
            column `image` of 178x218 or 64x78 pictures; columns that are not named are ignored.
        split: split name; "valid" and "validation" stand for each other.
        revision: commit, tag or branch of a Hub source, which a folder has not; the default source has a pinned one.
        attributes: label columns to read: bool, 0/1 or -1/+1.
        identities: "all" people, or only those whose `celeb_id` is "even" or "odd": two halves that share nobody.
        people: whether to read who each face shows, column `celeb_id`.
        streaming: read the first `limit` rows as they come, without downloading or caching the rest.
        limit: use only the first `limit` rows.

    Raises:
        DataError: the folder, repository, split or column does not exist, the split is empty, or a
            picture is truncated or of another size.
    """
    if limit is not None and limit < 1:
        raise DataError(f"limit must be at least 1, got {limit}")
    if streaming and limit is None:
        raise DataError("streaming reads only the first rows: say how many with limit")
    if identities not in IDENTITIES:
        raise DataError(f"identities must be one of {', '.join(IDENTITIES)}, got {identities!r}")
    whole = f"{source}, split {split!r}"
    where = whole if identities == "all" else f"{whole}, {identities} people"
    rows = _open(source, split, revision, streaming)
    columns = rows.column_names or list(next(iter(rows), {}))
    needed = ["image", *attributes] + [_PERSON] * (people or identities != "all")
    missing = [name for name in needed if name not in columns]
    if missing:
        raise DataError(f"{where}: no column {', '.join(missing)}; it has {', '.join(columns) or 'none'}")
    try:
        rows = rows.select_columns(needed).cast_column("image", datasets.Image(decode=False))
    except (NotImplementedError, TypeError, ValueError) as error:  # pyarrow's
        raise DataError(f"{where}, column image: expected pictures: {_sentence(error)}") from error
    if identities != "all":
        rows = rows.filter(
            _is_one_of,
            with_indices=True,
            input_columns=_PERSON,
            fn_kwargs={"identities": identities, "where": whole},
        )
    names = [*attributes, *[_PERSON] * people]
    if streaming:
        return _read_stream(rows, names, limit, where)
    if limit is not None:
        rows = rows.select(range(min(limit, len(rows))))
    if len(rows) == 0:
        raise DataError(f"{where}: the split is empty")
    return _read_cached(rows, names, where)


def known_revision(source: str) -> str | None:
    """The commit of `HUB_DATASET` that is read where none is asked for; of any other source, whatever is newest."""
    return HUB_REVISION if source == HUB_DATASET else None


def _open(source: str, split: str, revision: str | None, streaming: bool) -> Any:
    """Find the source and the split, or say which of them does not exist."""
    local = Path(source).expanduser()
    if local.is_dir():
        if revision is not None:
            raise DataError(f"revision {revision!r} belongs to a data set on the Hub: {source} is a folder")
        path = str(local)
    elif is_hub_id(source):
        path, revision = source, revision or known_revision(source)
    else:
        raise DataError(f"data: no folder {source!r}, and it is not a Hub id of the form owner/name")
    try:
        splits = datasets.get_dataset_split_names(path, revision=revision)
    except Exception as error:  # datasets and huggingface_hub raise many unrelated types here
        where = repr(source) if local.is_dir() else f"{source!r} on the Hub"
        raise DataError(f"data: cannot open {where}: {_sentence(error)}") from error
    name = split if split in splits else _SPLIT_ALIASES.get(split, split)
    if name not in splits:
        raise DataError(f"{source}: no split {split!r}; it has {', '.join(map(str, splits))}")
    try:
        return datasets.load_dataset(path, split=name, revision=revision, streaming=streaming)
    except Exception as error:
        reason = "the split is empty" if "corresponds to no data" in str(error) else _sentence(error)
        raise DataError(f"{source}, split {split!r}: {reason}") from error


def _sentence(error: BaseException) -> str:
    """The sentence of an error and of what caused it."""
    if isinstance(error, ConnectionError):  # `datasets` drops what led to it
        config = datasets.config
        return OFFLINE if config.HF_HUB_OFFLINE else f"{config.HF_ENDPOINT} cannot be reached"
    texts = [first_line(error)]
    if error.__cause__ is not None:
        texts.append(_sentence(error.__cause__))
    return ": ".join(dict.fromkeys(texts))


def _read_cached(rows: datasets.Dataset, names: Sequence[str], where: str) -> Faces:
    decoded = rows.select_columns("image").map(
        _decode_batch,
        with_indices=True,
        batched=True,
        batch_size=256,
        remove_columns="image",
        features=Features({_PIXELS: Value("binary")}),
        fn_kwargs={"where": where},
        desc="Decoding faces",
    )
    images = torch.empty((len(decoded), 3, 64, 64), dtype=torch.uint8)
    start = 0
    for batch in decoded.with_format("arrow").iter(256):
        pixels = np.frombuffer(b"".join(batch[_PIXELS].to_pylist()), np.uint8).reshape(-1, 3, 64, 64)
        images[start : start + len(pixels)].numpy()[:] = pixels
        start += len(pixels)
    read = rows.select_columns(list(names)).with_format("arrow")[:] if names else {}
    columns = {name: read[name].to_pylist() for name in names}
    return _faces(images, columns, where)


def _read_stream(rows: Iterable[dict[str, Any]], names: Sequence[str], limit: int | None, where: str) -> Faces:
    pixels: list[bytes] = []
    columns: dict[str, list[Any]] = {name: [] for name in names}
    first_rows: Iterator[dict[str, Any]] = islice(iter(rows), limit)
    for index, row in enumerate(tqdm(first_rows, total=limit, desc="Streaming faces", unit="face")):
        pixels.append(_decode(row["image"], index, where))
        for name, column in columns.items():
            column.append(row[name])
    if not pixels:
        raise DataError(f"{where}: the split is empty")
    images = torch.frombuffer(bytearray(b"".join(pixels)), dtype=torch.uint8).reshape(-1, 3, 64, 64)
    return _faces(images, columns, where)


def _faces(images: Tensor, columns: dict[str, list[Any]], where: str) -> Faces:
    """Put decoded pictures together with the columns that were read: the attributes, and the people if asked for."""
    ids = columns.pop(_PERSON, [])
    for row, person in enumerate(ids):
        _check_person(person, row, where)
    labels = _binarise(columns, len(images), where)
    return Faces(images, labels, tuple(columns), torch.tensor(ids, dtype=torch.int64))


def _is_one_of(person: Any, row: int, identities: str, where: str) -> bool:
    """Whether a person belongs to the even or to the odd ones."""
    _check_person(person, row, where)
    return bool(person % 2 == (identities == "odd"))


def _check_person(person: Any, row: int, where: str) -> None:
    if isinstance(person, bool) or not isinstance(person, int):
        raise DataError(f"{where}, row {row}, column {_PERSON}: expected a whole number, got {person!r}")


def _decode_batch(batch: dict[str, list[Any]], indices: list[int], where: str) -> dict[str, list[bytes]]:
    return {_PIXELS: [_decode(image, index, where) for image, index in zip(batch["image"], indices, strict=True)]}


def _decode(image: dict[str, Any] | None, index: int, where: str) -> bytes:
    """Decode and crop one undecoded `datasets.Image` value; errors name its row and file."""
    name = f" ({image['path']})" if image and image.get("path") else ""
    try:
        if not image or (image["bytes"] is None and image["path"] is None):
            raise ValueError("expected a picture, got nothing")
        with Image.open(io.BytesIO(image["bytes"]) if image["bytes"] is not None else image["path"]) as picture:
            return crop_face(picture).tobytes()
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:  # Pillow's own kinds
        raise DataError(f"{where}, row {index}{name}: {error}") from error


def _binarise(columns: dict[str, list[Any]], count: int, where: str) -> Tensor:
    """Labels as bool (N, K): True is present, from bool, 0/1 or -1/+1."""
    labels = torch.zeros((count, len(columns)), dtype=torch.bool)
    for column, (name, values) in enumerate(columns.items()):
        for row, value in enumerate(values):
            if value not in (-1, 0, 1):  # True and False equal 1 and 0
                raise DataError(f"{where}, row {row}, column {name}: expected a bool, 0/1 or -1/+1, got {value!r}")
        labels[:, column] = torch.tensor([value > 0 for value in values], dtype=torch.bool)
    return labels
