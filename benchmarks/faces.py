"""Draw the grid of README.md: the faces of seeds 0 to 31, none left out."""

import argparse
from pathlib import Path

from expressions import Editor
from expressions.images import grid, save_png


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", help="folder or Hub id of the editor; the embedded one if not given")
    parser.add_argument("--out", default="assets/faces.png", help="where to write the grid")
    arguments = parser.parse_args()
    editor = Editor.from_pretrained(arguments.weights)
    sheet = grid(editor.synthesize(editor.latents(range(32))), columns=8)
    out = Path(arguments.out)
    out.parent.mkdir(parents=True, exist_ok=True)
    save_png(sheet.resize((2 * sheet.width, 2 * sheet.height)), out)


if __name__ == "__main__":
    main()
