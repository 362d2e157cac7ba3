"""Faces that are drawn, not photographed, in CelebA's sizes and schema."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset, Features, Image, Value
from PIL import Image as Pillow
from PIL import ImageDraw

from expressions.attributes import CELEBA_ATTRIBUTES


def draw_face(index: int, size: tuple[int, int] = (178, 218), smiling: bool = False) -> Pillow.Image:
    """A head, two eyes and a mouth; each index has its own colours."""
    rng = np.random.default_rng(index)
    width, height = size
    colours = [tuple(int(value) for value in rng.integers(0, 256, 3)) for _ in range(3)]
    picture = Pillow.new("RGB", size, colours[0])
    draw = ImageDraw.Draw(picture)

    def box(left: float, top: float, right: float, bottom: float) -> list[float]:
        return [left * width, top * height, right * width, bottom * height]

    draw.ellipse(box(0.2, 0.2, 0.8, 0.9), fill=colours[1])
    draw.ellipse(box(0.33, 0.46, 0.43, 0.54), fill=colours[2])
    draw.ellipse(box(0.57, 0.46, 0.67, 0.54), fill=colours[2])
    draw.arc(box(0.35, 0.55, 0.65, 0.75), 0 if smiling else 180, 180 if smiling else 360, fill=colours[2], width=4)
    return picture


def encode(picture: Pillow.Image, kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    picture.save(file, kind)
    return file.getvalue()


def celeba_row(index: int, **changes: Any) -> dict[str, Any]:
    """One row in the schema of CelebA on the Hub; the odd ones smile."""
    row: dict[str, Any] = {
        "image": {"bytes": encode(draw_face(index, smiling=bool(index % 2))), "path": None},
        "celeb_id": index,
    }
    row |= {name: (index + column) % 3 == 0 for column, name in enumerate(CELEBA_ATTRIBUTES)}
    row["Smiling"] = bool(index % 2)
    return row | changes


def draw_folder(folder: Path, names: list[str], *, first: int = 0, **columns: list[Any]) -> None:
    """Draw a folder of pictures, the first with this index, and a metadata.csv with these columns."""
    lines = [",".join(["file_name", *columns])]
    smiling = columns.get("Smiling", [0] * len(names))
    for index, (name, *values) in enumerate(zip(names, *columns.values(), strict=True)):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        draw_face(first + index, smiling=smiling[index] == 1).save(folder / name)
        lines.append(",".join(map(str, [name, *values])))
    (folder / "metadata.csv").write_text("\n".join(lines))


_KINDS = {bool: "bool", int: "int64", float: "float64", str: "string"}


def write_parquet(folder: Path, split: str, rows: list[dict[str, Any]]) -> None:
    """Write one split as the Hub's parquet files lie: data/<split>-00000-of-00001.parquet."""
    names = list(rows[0]) if rows else ["image", "celeb_id", *CELEBA_ATTRIBUTES]
    kinds = {name: _KINDS.get(type(rows[0][name]), "") if rows else "bool" for name in names}
    features = Features({name: Image() if name == "image" else Value(kinds[name]) for name in names})
    columns = {name: [row[name] for row in rows] for name in names}
    (folder / "data").mkdir(parents=True, exist_ok=True)
    Dataset.from_dict(columns, features=features).to_parquet(folder / "data" / f"{split}-00000-of-00001.parquet")
