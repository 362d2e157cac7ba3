"""Recipes of training beside each other, without edits: judged after so many images, by as many seeds as asked.

A recipe is PyTorch's DCGAN example (`reference`), the defaults of `train.py gan` (`ours`), or names of `CHANGES`
joined by ", ".

    python -m benchmarks.recipes --data DATA --recipes reference ours "half width, kernel 3" --kimg 40 --out FILE

Recipes that FILE holds already stay as they are: more of them, on other numbers of images, can be added. Prints tables.
The README beside this file shows comparison.json, of short trainings by three seeds, and course.json, of long ones by
one (`--seeds 1`), judged many times; on a GPU they are comparison_cuda.json and course_cuda.json.
"""

import argparse
import copy
import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm.auto import tqdm

from expressions.images import to_uint8, to_unit
from expressions.networks.averaging import estimate_statistics
from expressions.networks.generator import BATCH, Generator
from expressions.training.config import DataOptions, TrainConfig
from expressions.training.data import load_faces
from expressions.training.state import TrainState
from expressions.training.step import train_step

from . import tables
from .evaluator import command_line, judged_by
from .quality import QualityJudge
from .reference import Reference
from .reports import OURS, REFERENCE, RecipesReport, device_name, write_report

CHANGES: dict[str, dict[str, Any]] = {
    "rates 2e-4": {"d_lr": 2e-4, "g_lr": 2e-4},
    "ema 50 kimg": {"ema_kimg": 50.0},
    "ema 10 kimg": {"ema_kimg": 10.0},
    "ema 0.1 kimg": {"ema_kimg": 0.1},
    "shifts": {"max_shift": 4},
    "half width": {"g_width": 16},
    "kernel 3": {"d_kernel": 3},
}
FOR_A_CPU = "half width, kernel 3"  # as `make train` trains there


def options_of(recipe: str) -> dict[str, Any]:
    """What a recipe changes of the defaults of `train.py gan`.

    Raises:
        ArgumentTypeError: a part of its name is unknown, or changes what another one does.
    """
    options: dict[str, Any] = {}
    for part in [] if recipe in (OURS, REFERENCE) else recipe.split(", "):
        if part not in CHANGES:
            known = ", ".join(map(repr, [OURS, REFERENCE, *CHANGES]))
            raise argparse.ArgumentTypeError(f"{part!r} is none of {known}")
        if options.keys() & CHANGES[part].keys():
            raise argparse.ArgumentTypeError(f"{recipe!r} changes an option twice")
        options |= CHANGES[part]
    return options


def as_recipe(text: str) -> str:
    """A name given on the command line."""
    options_of(text)
    return text


def faces_of_recipe(recipe: str, counts: Sequence[float], seed: int, images: Tensor, fakes: int) -> Iterator[Tensor]:
    """Train by a recipe.

    Args:
        recipe: its name.
        counts: thousands of images, in rising order.
        seed: of the training, and of the faces that are drawn.
        images: (N, 3, 64, 64) uint8 real faces, on the device that trains.
        fakes: how many faces to draw.

    Yields:
        After each of the counts uint8 faces (fakes, 3, 64, 64).
    """
    if recipe == REFERENCE:
        return reference_faces(counts, seed, images, fakes)
    config = TrainConfig(kimg=counts[-1], seed=seed, device=images.device.type, **options_of(recipe))
    return our_faces(config, counts, images, fakes)


def our_faces(config: TrainConfig, counts: Sequence[float], images: Tensor, fakes: int) -> Iterator[Tensor]:
    device = config.resolve()
    state = TrainState(config, device)
    for count in counts:
        steps = math.ceil(count * 1000 / config.batch_size)
        for _ in tqdm(range(state.step, steps), unit="step"):
            train_step(state, images, config)
        yield draw_faces(copy.deepcopy(state.ema), fakes, config.seed)


def reference_faces(counts: Sequence[float], seed: int, images: Tensor, fakes: int) -> Iterator[Tensor]:
    reference, shown = Reference(seed, images.device), 0
    batches = shuffled(images, round(counts[-1] * 1000), seed)
    for count in counts:
        with tqdm(desc=REFERENCE, unit="img", initial=shown) as bar:
            while shown < count * 1000:
                batch = next(batches)
                reference.step(batch)
                shown += len(batch)
                bar.update(len(batch))
        yield to_uint8(reference.generate(fakes, seed))


def shuffled(images: Tensor, count: int, seed: int) -> Iterator[Tensor]:
    """So many uint8 images in batches of 64, as a shuffling loader gives them: floats in [-1, 1], pass after pass."""
    rng = torch.Generator().manual_seed(seed)
    passes = [torch.randperm(len(images), generator=rng) for _ in range(0, count, len(images))]
    for index in torch.cat(passes)[:count].split(64):
        yield to_unit(images[index])


@torch.no_grad()
def draw_faces(generator: Generator, count: int, seed: int) -> Tensor:
    """uint8 faces (count, 3, 64, 64) of an averaged generator, whose batch-norm statistics are estimated anew."""
    rng = torch.Generator().manual_seed(seed)
    z, others = torch.rand(2, count, generator.z_dim, generator=rng).to(generator.directions.device) * 2 - 1
    estimate_statistics(generator, others)
    return torch.cat([to_uint8(generator(part)) for part in z.split(BATCH)])


def main() -> None:
    parser = command_line(__doc__)
    parser.add_argument("--recipes", nargs="+", type=as_recipe, required=True, help="their names")
    parser.add_argument("--kimg", nargs="+", type=float, required=True, help="thousands of images to judge them after")
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each recipe")
    parser.add_argument("--fakes", type=int, default=10_000, help="faces of a judgement")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu", choices=["cpu", "cuda"])
    parser.add_argument("--out", type=Path, required=True, help="where to write the figures")
    arguments = parser.parse_args()
    counts = sorted(arguments.kimg)
    if arguments.seeds < 1 or not counts[0] > 0:
        parser.error("--seeds and --kimg must be positive")
    if arguments.fakes < BATCH:
        parser.error(f"--fakes must be at least {BATCH}, got {arguments.fakes}")

    images = load_faces(DataOptions(data=arguments.data), "train").images.to(arguments.device)
    held_out = load_faces(DataOptions(data=arguments.data), "valid").images
    judge = QualityJudge(arguments.evaluator, held_out, images)
    report: RecipesReport = {
        **judged_by(arguments.evaluator),
        "device": device_name(images.device),
        "fakes": arguments.fakes,
        "held_out": len(held_out),
        "rows": {},
    }
    if arguments.out.exists():
        before: RecipesReport = json.loads(arguments.out.read_text())
        if {**before, "rows": {}} != report:
            raise SystemExit(f"{arguments.out} was measured otherwise: name another file")
        report = before
    for recipe in arguments.recipes:
        if recipe in report["rows"]:
            continue
        trainings = [
            [judge.assess(faces) for faces in faces_of_recipe(recipe, counts, seed, images, arguments.fakes)]
            for seed in range(arguments.seeds)
        ]
        points = zip(counts, zip(*trainings, strict=True), strict=True)
        report["rows"][recipe] = [{"kimg": count, "sets": list(sets)} for count, sets in points]
        write_report(report, arguments.out)
    print(tables.recipes(report), tables.course(report), sep="\n")


if __name__ == "__main__":
    main()
