"""The course of long trainings: whether the last faces are as good as the best, beside PyTorch's DCGAN example.

Recipes of recipes.py and the example are trained from seed 0, each on as many images as asked; after every `--every`
thousand of them their faces are judged as in quality.py. Recipes that differ only in the average of the generator's
weights (`ema ... kimg`) are one training with several averages.

    PYTHONPATH=. python benchmarks/course.py --data DATA --kimg 3000 --reference-kimg 750

Prints a line for each judgement, and writes course.json, or course_cuda.json, anew.
"""

import copy
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from judges import judged_by, parser_of_judges
from machine import device_name
from quality import DISTANCES, FORMATS, Figures, Judges, draw_faces, shuffled
from recipes import OURS, REFERENCE, as_recipe, is_normalised, new_state, options_of
from reference import Reference
from reports import path_of_report, write_report
from torch import Tensor

from expressions.attributes import CELEBA_ATTRIBUTES
from expressions.images import to_uint8
from expressions.networks.averaging import ema_update
from expressions.networks.generator import BATCH, Generator
from expressions.training.config import TrainConfig
from expressions.training.data import load_faces
from expressions.training.step import ema_decay, train_step

SEED = 0
# After every step of a training: the images shown so far, whether it was the last step, and by row what draws so many
# faces.
Course = Iterator[tuple[int, bool, Mapping[str, Callable[[int], Tensor]]]]


def our_course(configs: Mapping[str, TrainConfig], images: Tensor) -> Course:
    """Train once by recipes whose options differ in the average alone."""
    (recipe, config), *others = configs.items()
    device, dtype = config.resolve()
    state = new_state(recipe, config, device)
    averages = {recipe: state.ema} | {name: copy.deepcopy(state.ema) for name, _ in others}

    def draw(average: Generator, count: int) -> Tensor:
        return draw_faces(copy.deepcopy(average), count, SEED)

    draws = {name: functools.partial(draw, average) for name, average in averages.items()}
    while state.step < config.step_count:
        train_step(state, images, config, dtype)
        for name, other in others:
            weight = torch.tensor(1 - ema_decay(state.step, other), device=device)
            ema_update(averages[name], state.generator, weight)
        yield state.step * config.batch_size, state.step == config.step_count, draws


def reference_course(kimg: float, images: Tensor) -> Course:
    """Train the plain recipe."""
    reference, shown, count = Reference(SEED, images.device), 0, round(kimg * 1000)

    def draw(count: int) -> Tensor:
        return to_uint8(reference.generate(count, SEED))

    for batch in shuffled(images, count, SEED):
        reference.step(batch)
        shown += len(batch)
        yield shown, shown == count, {REFERENCE: draw}


def trainings(configs: Mapping[str, TrainConfig]) -> list[dict[str, TrainConfig]]:
    """Recipes by the training that they share: those that differ in the average alone."""
    shared: dict[tuple[bool, TrainConfig], dict[str, TrainConfig]] = {}
    for name, config in configs.items():
        shared.setdefault((is_normalised(name), replace(config, ema_kimg=1.0)), {})[name] = config
    return list(shared.values())


def judge(
    course: Course, every_kimg: float, assess: Callable[[Tensor], Figures], fakes: int
) -> Iterator[tuple[str, Figures]]:
    """By row the figures of that many faces after every so many images, told as `kimg`, and at the end."""
    due = every_kimg
    for shown, is_last, draws in course:
        if is_last or shown / 1000 >= due:
            due += every_kimg
            for name, draw in draws.items():
                yield name, {"kimg": shown / 1000} | assess(draw(fakes))


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
    courses = [our_course(training, images) for training in trainings(configs)]
    courses.append(reference_course(arguments.reference_kimg, images))
    report: dict[str, Any] = judged_by(arguments.evaluator) | {
        "device": device_name(images.device),
        "fakes": arguments.fakes,
        "held_out": len(held_out),
    }
    points: dict[str, list[Figures]] = {recipe: [] for recipe in (*configs, REFERENCE)}
    out = arguments.out or path_of_report("course", images.device)
    print(f"{'kimg':>9}" + "".join(f"{figure:>15}" for figure in FORMATS))
    for course in courses:
        for name, point in judge(course, arguments.every, judges.assess, arguments.fakes):
            cells = "".join(f"{text.format(point[key]):>15}" for key, text in FORMATS.items())
            print(f"{point['kimg']:9.1f}{cells}  {name}", flush=True)
            points[name].append(point)
            report["rows"] = {recipe: summary(passed) for recipe, passed in points.items() if passed}
            write_report(report, out)  # each time: hours may follow
    for name, row in report["rows"].items():
        told = ", ".join(f"{distance} {ratio:.2f}" for distance, ratio in row["last_to_best"].items())
        print(f"{name}, the last through the best: {told}")


if __name__ == "__main__":
    main()
