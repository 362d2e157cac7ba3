"""Sheets for a person to judge: unselected generated faces and held-out photographs, shuffled, and a key beside them.

    python -m benchmarks.contact_sheet --data DATA

Number the faces of a sheet row by row, note which are broken and which are photographs, then open key.json. Never
commit or publish the sheets: half of their faces are photographs of people. They go to runs/, which git leaves out.

    python -m benchmarks.contact_sheet --edits

Draws every slider at 5 and at 95 instead, a sheet for each, as the page shows faces: note which look broken or painted
on.

    python -m benchmarks.contact_sheet --draws
    python -m benchmarks.contact_sheet --broken FILE

Shuffles first draws and chosen ones of other seeds instead. FILE has a line for each sheet, the numbers of its broken
faces: how many of either kind they are goes to broken.json.
"""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from expressions import Editor
from expressions.attributes import CELEBA_ATTRIBUTES, HUB_DATASET, SLIDERS
from expressions.images import grid, save_png, to_unit
from expressions.latents import MAX_ATTEMPTS
from expressions.training.config import DataOptions
from expressions.training.data import load_faces

from .evaluator import plain_editor
from .quality import editor_faces
from .readers import FIRST_SEED
from .reports import BENCHMARKS, BrokenReport, write_report

COLUMNS, ROWS = 10, 5  # faces of a sheet
EDITED = 10  # faces of a sheet of edits
SIDE = 3  # times 64 pixels: so large is a face shown, its pixels as squares


def shuffled(fakes: Tensor, others: Tensor, seed: int) -> tuple[Tensor, list[bool]]:
    """Mix faces.

    Args:
        fakes, others: (N, 3, 64, 64) and (M, 3, 64, 64) uint8; the others are photographs, or fakes of another kind.
        seed: of their order.

    Returns:
        All of them, (N + M, 3, 64, 64), and which of them are of the first kind.
    """
    both = torch.cat([fakes, others])
    order = torch.randperm(len(both), generator=torch.Generator().manual_seed(seed))
    return both[order], (order < len(fakes)).tolist()


def write_sheets(images: Tensor, are_fakes: list[bool], folder: Path, **about: str | int) -> None:
    """Write sheet1.png, ... and key.json: `sheets`, for each the numbers of the first kind, counted from 1 row by row,
    and what else is to be told about the faces."""
    folder.mkdir(parents=True, exist_ok=True)
    size, numbers = COLUMNS * ROWS, []
    for index, sheet in enumerate(images.split(size)):
        picture = grid(to_unit(sheet), COLUMNS)
        picture = picture.resize((SIDE * picture.width, SIDE * picture.height), 0)
        save_png(picture, folder / f"sheet{index + 1}.png")
        numbers.append([number for number, fake in enumerate(are_fakes[index * size :][:size], 1) if fake])
    (folder / "key.json").write_text(json.dumps({**about, "sheets": numbers}, indent=2) + "\n")


def write_draws(editor: Editor, count: int, seed: int, folder: Path) -> None:
    """Write sheets of so many chosen draws, and as many first draws of other seeds."""
    chosen, first = editor_faces(editor, MAX_ATTEMPTS, count, 2 * seed), editor_faces(editor, 1, count, 2 * seed + 1)
    images, are_chosen = shuffled(chosen, first, seed)
    write_sheets(images, are_chosen, folder, weights=editor.fingerprint(), faces=count, seed=seed)


def count_broken(path: Path, key: Mapping[str, Any]) -> BrokenReport:
    """How many draws of either kind a person called broken.

    Args:
        path: a text file with a line for each sheet, the numbers of its broken faces.
        key: of the sheets that `write_draws` wrote.

    Raises:
        ValueError: the key is of other sheets, or the lines are not theirs.
        OSError: the file cannot be read.
    """
    if "weights" not in key:
        raise ValueError("these are no sheets of first and chosen draws")
    lines, sheets = path.read_text().splitlines(), key["sheets"]
    if len(lines) != len(sheets):
        raise ValueError(f"{path} has {len(lines)} lines, and there are {len(sheets)} sheets")
    counts = {"first": 0, "chosen": 0}
    for index, (line, chosen) in enumerate(zip(lines, sheets, strict=True)):
        faces = min(COLUMNS * ROWS, 2 * key["faces"] - index * COLUMNS * ROWS)
        for word in set(line.split()):
            if not (word.isdecimal() and 1 <= int(word) <= faces):
                raise ValueError(f"{path}, line {index + 1}: {word!r} is none of the sheet's {faces} faces")
            counts["chosen" if int(word) in chosen else "first"] += 1
    return {"weights": key["weights"], "faces": key["faces"], "seed": key["seed"], **counts}  # type: ignore[typeddict-item]


def write_edits(editor: Editor, seed: int, folder: Path) -> None:
    """Write edits5.png and edits95.png: a row for each of ten faces, first as it is, then with each of `SLIDERS`."""
    folder.mkdir(parents=True, exist_ok=True)
    first = FIRST_SEED + seed * EDITED
    z = editor.latents(range(first, first + EDITED))
    for value in (5.0, 95.0):
        columns = [z, *(editor.edit(z, {name: value}) for name in SLIDERS)]
        images = editor.synthesize(torch.stack(columns, 1).flatten(0, 1))
        save_png(grid(editor.enlarge(images), len(columns)), folder / f"edits{value:.0f}.png")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=HUB_DATASET, help="Hub id or local folder of CelebA")
    drawing = parser.add_mutually_exclusive_group()
    drawing.add_argument("--weights", help="folder or Hub id of the editor; the embedded one if not given")
    drawing.add_argument("--generator", type=Path, help="file of a training's generator, instead of an editor")
    parser.add_argument(
        "--attempts",
        type=int,
        default=1,
        choices=(1, MAX_ATTEMPTS),
        help="draws of a seed from which an editor takes one",
    )
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument("--edits", action="store_true", help="sheets of edits, without photographs")
    instead.add_argument("--draws", action="store_true", help="sheets of first and chosen draws, without photographs")
    instead.add_argument("--broken", type=Path, metavar="FILE", help="count what a person called broken of --draws")
    parser.add_argument("--faces", type=int, default=100, help="of each kind")
    parser.add_argument("--seed", type=int, default=0, help="of the choice and the order; another one, other faces")
    parser.add_argument("--out", type=Path, default=Path("runs/contact_sheet"), help="folder of the sheets")
    arguments = parser.parse_args()
    if arguments.faces < 1:
        parser.error(f"--faces must be positive, got {arguments.faces}")
    if arguments.generator and (arguments.edits or arguments.draws):
        parser.error("--edits and --draws need an editor, which --generator is not")
    if arguments.broken:
        try:
            report = count_broken(arguments.broken, json.loads((arguments.out / "key.json").read_text()))
        except (OSError, ValueError) as error:
            parser.error(str(error))
        write_report(report, BENCHMARKS / "broken.json")
        print(f"broken, of {report['faces']} each: {report['first']} first draws, {report['chosen']} chosen ones")
        return
    if arguments.edits:
        write_edits(Editor.from_pretrained(arguments.weights), arguments.seed, arguments.out)
        print(f"{arguments.out}: as it is, {', '.join(SLIDERS)}")
        return
    if arguments.draws:
        write_draws(Editor.from_pretrained(arguments.weights), arguments.faces, arguments.seed, arguments.out)
        print(f"{arguments.out}: note which are broken, sheet by sheet, then count them with --broken")
        return
    photographs = load_faces(DataOptions(data=arguments.data), "valid").images
    if len(photographs) < arguments.faces:
        parser.error(f"{arguments.data} has {len(photographs)} held-out faces, fewer than --faces {arguments.faces}")
    editor = (
        plain_editor(arguments.generator, CELEBA_ATTRIBUTES)
        if arguments.generator
        else Editor.from_pretrained(arguments.weights)
    )
    rng = torch.Generator().manual_seed(arguments.seed)
    chosen = torch.randperm(len(photographs), generator=rng)[: arguments.faces]
    fakes = editor_faces(editor, arguments.attempts, arguments.faces, arguments.seed)
    write_sheets(*shuffled(fakes, photographs[chosen], arguments.seed), arguments.out)
    print(f"{arguments.out}: half of the faces are photographs of people. Never commit or publish these sheets.")


if __name__ == "__main__":
    main()
