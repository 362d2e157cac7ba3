"""Draw what each slider leaks into, from the JSON of editing.py: this project's editor beside mean differences.

PYTHONPATH=. python benchmarks/matrix.py
"""

import argparse
import json
from pathlib import Path

from expressions.demo.heat_map import draw


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--figures", type=Path, default=Path("benchmarks/editing.json"), help="what editing.py wrote")
    parser.add_argument("--out", type=Path, default=Path("assets/leaks.svg"), help="where to write the figure")
    arguments = parser.parse_args()
    arguments.out.write_text(draw(json.loads(arguments.figures.read_text())))


if __name__ == "__main__":
    main()
