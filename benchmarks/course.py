"""The course of long trainings: whether the last faces are as good as the best, beside PyTorch's DCGAN example.

Recipes of recipes.py and the example are trained from seed 0, each on as many images as asked; after every `--every`
thousand of them their faces are judged as in quality.py.

    PYTHONPATH=. python benchmarks/course.py --data DATA --kimg 3000 --reference-kimg 750

Prints a line for each judgement, and writes course.json, or course_cuda.json, anew.
"""

import copy
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from judges import parser_of_judges
from machine import device_name
from quality import DISTANCES, FORMATS, Figures, Judges, draw_faces, shuffled
from recipes import OURS, REFERENCE, as_recipe, new_state, options_of
from reference import Reference
from reports import path_of_report, write_report
from torch import Tensor

from expressions.attributes import CELEBA_ATTRIBUTES
from expressions.data import load_faces
from expressions.images import to_uint8
from expressions.model import BATCH
from expressions.training import TrainConfig, train_step

SEED = 0
# After every step of a training: the images shown so far, whether it was the last step, and what draws so many faces.
Course = Iterator[tuple[int, bool, Callable[[int], Tensor]]]


def our_course(recipe: str, config: TrainConfig, images: Tensor) -> Course:
    """Train by a recipe, its options in the configuration."""
    device, dtype = config.resolve()
    state = new_state(recipe, config, device)

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


def judge(course: Course, every_kimg: float, assess: Callable[[Tensor], Figures], fakes: int) -> Iterator[Figures]:
    """The figures of that many faces after every so many images, told as `kimg`, and at the end."""
    due = every_kimg
    for shown, is_last, draw in course:
        if is_last or shown / 1000 >= due:
            due += every_kimg
            yield {"kimg": shown / 1000} | assess(draw(fakes))


def summary(points: Sequence[Figures]) -> dict[str, Any]:
    """The points, after how many thousand images the Frechet distances were least, and the last ones through these."""
    best = {name: min(points, key=lambda point: point[name]) for name in DISTANCES}
    return {
        "points": points,
        "best_kimg": {name: point["kimg"] for name, point in best.items()},
        "last_to_best": {name: points[-1][name] / point[name] for name, point in best.items()},
    }


def main() -> None:
    parser = parser_of_judges(__doc__)
    parser.add_argument("--recipes", nargs="+", type=as_recipe, default=[OURS], help="names, as in recipes.py")
    parser.add_argument("--kimg", type=float, default=1500.0, help="length of a training, in thousands of images")
    parser.add_argument("--reference-kimg", type=float, default=375.0, help="length of the example's")
    parser.add_argument("--every", type=float, default=50.0, help="thousands of images between two judgements")
    parser.add_argument("--fakes", type=int, default=10_000, help="faces of a judgement")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu", choices=["cpu", "cuda"])
    parser.add_argument("--out", type=Path, help="where to write the figures")
    arguments = parser.parse_args()
    if not min(arguments.kimg, arguments.reference_kimg, arguments.every) > 0:
        parser.error("--kimg, --reference-kimg and --every must be positive")
    if arguments.fakes < BATCH:
        parser.error(f"--fakes must be at least {BATCH}, got {arguments.fakes}")

    options = {"data": arguments.data, "kimg": arguments.kimg, "seed": SEED, "device": arguments.device}
    configs = {recipe: TrainConfig(**options | options_of(recipe)) for recipe in arguments.recipes}
    images = load_faces(arguments.data).images.to(arguments.device)
    held_out = load_faces(arguments.data, "valid", attributes=CELEBA_ATTRIBUTES)
    judges = Judges(arguments.evaluator, held_out, images)
    courses = {recipe: our_course(recipe, config, images) for recipe, config in configs.items()}
    courses[REFERENCE] = reference_course(arguments.reference_kimg, images)
    report: dict[str, Any] = {"device": device_name(images.device), "fakes": arguments.fakes, "held_out": len(held_out)}
    report["rows"] = {}
    out = arguments.out or path_of_report("course", images.device)
    for name, course in courses.items():
        points: list[Figures] = []
        print(f"{name}\n{'kimg':>9}" + "".join(f"{figure:>15}" for figure in FORMATS))
        for point in judge(course, arguments.every, judges.assess, arguments.fakes):
            print(f"{point['kimg']:9.1f}" + "".join(f"{text.format(point[key]):>15}" for key, text in FORMATS.items()))
            points.append(point)
            report["rows"][name] = summary(points)
            write_report(report, out)  # each time: hours may follow
        told = report["rows"][name]["last_to_best"].items()
        print(", ".join(f"{distance}: last {ratio:.2f} of the best" for distance, ratio in told), flush=True)


if __name__ == "__main__":
    main()
