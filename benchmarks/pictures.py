"""Draw the pictures of README.md: the first faces of the page, none left out; first draws of the same seeds, before any
choice; one slider moved on some faces; and what each slider leaks into, from editing.json.

    python -m benchmarks.pictures
"""

import argparse
from pathlib import Path

import torch

from expressions import Editor
from expressions.demo.heat_map import draw
from expressions.demo.state import FIRST_SEED
from expressions.images import grid, save_png

from .reports import read_report

SEEDS = range(FIRST_SEED, FIRST_SEED + 32)
COLUMNS = 8
SMILING = (0, 20, 40, 60, 80, 100)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", help="folder or Hub id of the editor; the embedded one if not given")
    parser.add_argument("--out", type=Path, default=Path("assets"), help="folder for the pictures")
    arguments = parser.parse_args()
    editor = Editor.from_pretrained(arguments.weights)
    z, plain = editor.latents(SEEDS), editor.latents(SEEDS[: 2 * COLUMNS], attempts=1)
    smiles = torch.stack([editor.edit(z[:8], {"Smiling": float(value)}) for value in SMILING], 1)  # (8, V, 100)
    arguments.out.mkdir(parents=True, exist_ok=True)
    sheets = (("faces", z, COLUMNS), ("plain", plain, COLUMNS), ("smiling", smiles.flatten(0, 1), 2 * len(SMILING)))
    for name, latents, columns in sheets:
        sheet = grid(editor.synthesize(latents), columns=columns)
        save_png(sheet.resize((2 * sheet.width, 2 * sheet.height)), arguments.out / f"{name}.png")
    (arguments.out / "leaks.svg").write_text(draw(read_report("editing")))


if __name__ == "__main__":
    main()
