"""The course of long trainings: whether the last faces are as good as the best, beside PyTorch's DCGAN example.

A recipe of quality.py and the example are trained from seed 0, each on as many images as asked; after every `--every`
thousand of them their faces are judged as in quality.py.

    PYTHONPATH=. python benchmarks/course.py --data DATA --kimg 3000 --reference-kimg 750

Prints a line for each judgement. Writes course.json.
"""

import argparse
import copy
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from judges import EVALUATOR
from quality import FORMATS, VARIANTS, Figures, Judges, draw_faces, shuffled
from reference import Reference
from torch import Tensor

from expressions.attributes import CELEBA_ATTRIBUTES
from expressions.data import load_faces
from expressions.images import to_uint8
from expressions.options import HUB_DATASET
from expressions.training import TrainConfig, TrainState, train_step

SEED = 0
DISTANCES = ("fd_attributes", "fd_random")
# After every step of a training: the images shown so far, whether it was the last step, and what draws so many faces.
Course = Iterator[tuple[int, bool, Callable[[int], Tensor]]]


def our_course(config: TrainConfig, images: Tensor) -> Course:
    """Train a recipe of `train.py gan`."""
    device, dtype = config.resolve()
    state = TrainState(config, device)

    def draw(count: int) -> Tensor:
        return draw_faces(copy.deepcopy(state.ema), count, SEED)

    while state.step < config.step_count:
        train_step(state, images, config, dtype)
        yield state.step * config.batch_size, state.step == config.step_count, draw


def reference_course(kimg: float, images: Tensor) -> Course:
    """Train the plain recipe."""
    reference, shown, count = Reference(SEED, images.device), 0, round(kimg * 1000)

    def draw(count: int) -> Tensor:
        return to_uint8(reference.generate(count, SEED))

    for batch in shuffled(images, count, SEED):
        reference.step(batch)
        shown += len(batch)
        yield shown, shown == count, draw


def judge(course: Course, every_kimg: float, assess: Callable[[Tensor], Figures], fakes: int) -> list[Figures]:
    """Print and return the figures of that many faces after every so many images, told as `kimg`, and at the end."""
    points: list[Figures] = []
    for shown, is_last, draw in course:
        if is_last or shown >= every_kimg * 1000 * (len(points) + 1):
            points.append({"kimg": shown / 1000} | assess(draw(fakes)))
            cells = [FORMATS[name].format(points[-1][name]) for name in FORMATS]
            print(f"{shown / 1000:9.1f}" + "".join(f"{cell:>15}" for cell in cells), flush=True)
    return points


def summary(points: Sequence[Figures]) -> dict[str, Any]:
    """The points, after how many thousand images the Frechet distances were least, and the last ones through these."""
    best = {name: min(points, key=lambda point: point[name]) for name in DISTANCES}
    return {
        "points": points,
        "best_kimg": {name: point["kimg"] for name, point in best.items()},
        "last_to_best": {name: points[-1][name] / point[name] for name, point in best.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=HUB_DATASET, help="Hub id or local folder of CelebA")
    parser.add_argument("--evaluator", type=Path, default=EVALUATOR, help="what judges.py wrote")
    parser.add_argument(
        "--recipe", choices=["ours", *VARIANTS], default="ours", help="what is trained, as in quality.py"
    )
    parser.add_argument("--kimg", type=float, default=1500.0, help="length of its training, in thousands of images")
    parser.add_argument("--reference-kimg", type=float, default=375.0, help="length of the example's")
    parser.add_argument("--every", type=float, default=50.0, help="thousands of images between two judgements")
    parser.add_argument("--fakes", type=int, default=10_000, help="faces of a judgement")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu", choices=["cpu", "cuda"])
    parser.add_argument("--out", type=Path, default=Path("benchmarks/course.json"), help="where to write the figures")
    arguments = parser.parse_args()

    images = load_faces(arguments.data).images.to(arguments.device)
    held_out = load_faces(arguments.data, "valid", attributes=CELEBA_ATTRIBUTES)
    judges = Judges(arguments.evaluator, held_out, images)
    options = VARIANTS.get(arguments.recipe, {})
    config = TrainConfig(data=arguments.data, kimg=arguments.kimg, seed=SEED, device=arguments.device, **options)
    courses = {
        arguments.recipe: our_course(config, images),
        "reference": reference_course(arguments.reference_kimg, images),
    }
    rows = {}
    for name, course in courses.items():
        print(f"{name}\n{'kimg':>9}" + "".join(f"{figure:>15}" for figure in FORMATS))
        rows[name] = summary(judge(course, arguments.every, judges.assess, arguments.fakes))
        print(", ".join(f"{name}: last {ratio:.2f} of the best" for name, ratio in rows[name]["last_to_best"].items()))
    report = {"fakes": arguments.fakes, "held_out": len(held_out), "rows": rows}
    arguments.out.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
