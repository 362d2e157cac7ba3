"""Draw the pictures of README.md and docs/: the first faces of the page, none left out; first draws of the same seeds,
before any choice; what README's lines of Python make; every slider moved from end to end; and what each slider leaks
into, from editing.json.

    python -m benchmarks.pictures
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from expressions import Editor
from expressions.attributes import SLIDERS
from expressions.demo.controls import label
from expressions.demo.heat_map import draw
from expressions.demo.state import FIRST_SEED
from expressions.images import grid, save_png

from .reports import read_report

SEEDS = range(FIRST_SEED, FIRST_SEED + 32)
COLUMNS = 8
VALUES = (0, 20, 40, 60, 80, 100)  # of a slider in its strip
MARGIN = (144, 30)  # pixels for the words left of the strips, and above
QUALITY = 85  # of WebP: what it leaves out is not seen
EXAMPLE, SMILES = 4, (5, 35, 65, 95)  # the seed that README moves, and to which smiles; chosen, for its looks


def strips(editor: Editor) -> Image.Image:
    """A strip for each of `SLIDERS`, as the page enlarges faces. None is chosen: the first slider moves the face of the
    first seed, the second that of the next, and so on."""
    z = editor.latents(SEEDS[: len(SLIDERS)]).split(1)
    moved = [editor.edit(row, {name: float(v)}) for row, name in zip(z, SLIDERS, strict=True) for v in VALUES]
    faces = grid(editor.enlarge(editor.synthesize(torch.cat(moved))), columns=len(VALUES))
    left, top = MARGIN
    side = faces.width // len(VALUES)
    sheet = Image.new("RGB", (left + faces.width, top + faces.height), "white")
    sheet.paste(faces, MARGIN)
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(15)
    for column, value in enumerate(VALUES):
        pen.text((left + (column + 0.5) * side, top / 2), str(value), "black", font, anchor="mm")
    for row, (seed, name) in enumerate(zip(SEEDS, SLIDERS, strict=False)):
        words = label(name).replace(" to ", "\nto ") + f"\nseed {seed}"
        pen.text((left - 12, top + (row + 0.5) * side), words, "black", font, anchor="rm", align="right")
    return sheet


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", help="folder or Hub id of the editor; the embedded one if not given")
    parser.add_argument("--out", type=Path, default=Path("assets"), help="folder for the pictures")
    arguments = parser.parse_args()
    editor = Editor.from_pretrained(arguments.weights)
    z, plain = editor.latents(SEEDS), editor.latents(SEEDS[: 2 * COLUMNS], attempts=1)
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name, latents in (("faces", z), ("plain", plain)):
        sheet = grid(editor.synthesize(latents), columns=COLUMNS)
        save_png(sheet.resize((2 * sheet.width, 2 * sheet.height)), arguments.out / f"{name}.png")
    smiles = [np.asarray(editor.render(EXAMPLE, {"Smiling": float(smile)}, size=256)) for smile in SMILES]
    save_png(Image.fromarray(np.concatenate(smiles, axis=1)), arguments.out / "smiles.png")
    strips(editor).save(arguments.out / "sliders.webp", quality=QUALITY, method=6)
    (arguments.out / "leaks.svg").write_text(draw(read_report("editing")))


if __name__ == "__main__":
    main()
