"""Image quality of an editor's generator: the Frechet distance to held-out real faces, beside its floor.

Features are the 256 of the attribute classifier, which took no part in the generator's training. The floor
is the distance between as many real faces of the training split and the same held-out faces: what a perfect
generator would get.

    PYTHONPATH=. python benchmarks/quality.py --data DATA

Prints a table and writes JSON that the model card shows.
"""

import argparse
import json
import statistics
from pathlib import Path

import torch
from torch import Tensor

from expressions import Editor
from expressions.data import HUB_DATASET, load_faces
from expressions.images import to_uint8, to_unit
from expressions.metrics import frechet_distance


@torch.no_grad()
def features(editor: Editor, images: Tensor) -> Tensor:
    """uint8 images (N, 3, 64, 64) -> classifier features (N, 256)."""
    return torch.cat([editor.classifier.features(to_unit(batch)) for batch in images.split(250)])


def generate(editor: Editor, count: int, first_seed: int) -> Tensor:
    """uint8 faces (N, 3, 64, 64) of consecutive seeds."""
    seeds = torch.arange(first_seed, first_seed + count)
    return torch.cat([to_uint8(editor.synthesize(editor.latents(batch.tolist()))) for batch in seeds.split(250)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=HUB_DATASET, help="Hub id or local folder of CelebA")
    parser.add_argument("--weights", help="folder or Hub id of the editor; the embedded one if not given")
    parser.add_argument("--repeats", type=int, default=3, help="sets of generated faces and of real training faces")
    parser.add_argument("--out", default="benchmarks/quality.json", help="where to write the figures")
    arguments = parser.parse_args()

    editor = Editor.from_pretrained(arguments.weights)
    held_out = load_faces(arguments.data, "valid").images
    train = load_faces(arguments.data, "train").images
    count = len(held_out)
    reference = features(editor, held_out)
    shuffled = train[torch.randperm(len(train), generator=torch.Generator().manual_seed(0))]
    distances, floors = [], []
    for repeat in range(arguments.repeats):
        fakes = generate(editor, count, first_seed=1_000_000 + repeat * count)
        distances.append(frechet_distance(reference, features(editor, fakes)))
        floors.append(frechet_distance(reference, features(editor, shuffled[repeat * count : (repeat + 1) * count])))

    figures = {}
    for name, values in {"fd_attributes": distances, "fd_attributes, real against real": floors}.items():
        note = f"median of {', '.join(f'{value:.3f}' for value in values)}; against {count} held-out faces"
        figures[name] = {"value": statistics.median(values), "samples": count, "note": note}
        print(f"{name:34} {figures[name]['value']:8.3f}   {count} faces, {note}")
    Path(arguments.out).write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
