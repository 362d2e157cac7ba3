"""Sheets for a person to judge: unselected generated faces and held-out photographs, shuffled, and a key beside them.

    python -m benchmarks.contact_sheet --data DATA

Number the faces of a sheet row by row, note which are broken and which are photographs, then open key.json. Never
commit or publish the sheets: half of their faces are photographs of people. They go to runs/, which git leaves out.

    python -m benchmarks.contact_sheet --edits

Draws every slider at 5 and at 95 instead, a sheet for each, as the page shows faces: note which look broken or painted
on.
"""

import argparse
import json
from pathlib import Path

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

COLUMNS, ROWS = 10, 5  # faces of a sheet
EDITED = 10  # faces of a sheet of edits
SIDE = 3  # times 64 pixels: so large is a face shown, its pixels as squares


def shuffled(fakes: Tensor, photographs: Tensor, seed: int) -> tuple[Tensor, list[bool]]:
    """Mix faces.

    Args:
        fakes, photographs: (N, 3, 64, 64) and (M, 3, 64, 64) uint8.
        seed: of their order.

    Returns:
        All of them, (N + M, 3, 64, 64), and which of them are fakes.
    """
    both = torch.cat([fakes, photographs])
    order = torch.randperm(len(both), generator=torch.Generator().manual_seed(seed))
    return both[order], (order < len(fakes)).tolist()


def write_sheets(faces: Tensor, are_fakes: list[bool], folder: Path) -> None:
    """Write sheet1.png, sheet2.png, ... and key.json: by sheet the numbers of its fakes, counted from 1 row by row."""
    folder.mkdir(parents=True, exist_ok=True)
    size, key = COLUMNS * ROWS, {}
    for index, sheet in enumerate(faces.split(size)):
        name = f"sheet{index + 1}"
        picture = grid(to_unit(sheet), COLUMNS)
        save_png(picture.resize((SIDE * picture.width, SIDE * picture.height), 0), folder / f"{name}.png")
        key[name] = [number for number, fake in enumerate(are_fakes[index * size :][:size], 1) if fake]
    (folder / "key.json").write_text(json.dumps(key, indent=2) + "\n")


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
    parser.add_argument("--edits", action="store_true", help="sheets of edits, without photographs")
    parser.add_argument("--faces", type=int, default=100, help="of each kind")
    parser.add_argument("--seed", type=int, default=0, help="of the choice and the order; another one, other faces")
    parser.add_argument("--out", type=Path, default=Path("runs/contact_sheet"), help="folder of the sheets")
    arguments = parser.parse_args()
    if arguments.faces < 1:
        parser.error(f"--faces must be positive, got {arguments.faces}")
    if arguments.edits:
        if arguments.generator:
            parser.error("--edits needs an editor, which --generator is not")
        write_edits(Editor.from_pretrained(arguments.weights), arguments.seed, arguments.out)
        print(f"{arguments.out}: as it is, {', '.join(SLIDERS)}")
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
