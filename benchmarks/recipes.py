"""Recipes of the generator's training beside each other, after equal time.

A recipe is PyTorch's DCGAN example (`reference`), the defaults of `train.py gan` (`ours`), or names of `CHANGES`
joined by ", ". Time is that of the processor, so that a busy one favours nobody; on a GPU it is that of the clock.

    python -m benchmarks.recipes --data DATA --minutes 20 --recipes reference ours "no backbone" --out FILE

`--start` begins with the weights of an editor, `--classifiers` trains edits too. Recipes that FILE holds already stay
as they are: more of them can be added. Prints a table.
"""

import argparse
import copy
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from expressions.images import to_uint8, to_unit
from expressions.networks.averaging import estimate_statistics
from expressions.networks.generator import BATCH, Generator
from expressions.training.backbone import LITES
from expressions.training.config import NO_BACKBONE, DataOptions, TrainConfig
from expressions.training.data import load_faces
from expressions.training.loop import Training
from expressions.training.step import train_step

from . import tables
from .evaluator import command_line, judged_by
from .outside_judge import OutsideJudge
from .quality import QualityJudge
from .reference import Reference
from .reports import OURS, REFERENCE, RecipeFigures, RecipesReport, device_name, write_report

CHANGES: dict[str, dict[str, Any]] = {
    "no backbone": {"backbone": NO_BACKBONE},
    "pixels 0": {"pixels_weight": 0.0},
    "pixels 0.5": {"pixels_weight": 0.5},
    "two backbones": {"backbone": ",".join(LITES)},
    "backbone at 64": {"backbone_side": 64},
    "backbone at 128": {"backbone_side": 128},
    "no moments": {"moments_weight": 0.0},
    "batch 64": {"batch_size": 64},
    "width 16": {"g_width": 16},
    "width 48": {"g_width": 48},
}
KIMG = 1e6  # longer than any time: no rate falls
Draw = Callable[[int], Tensor]  # so many faces, uint8


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


def fit(recipe: str, seconds: float, images: Tensor, options: dict[str, Any]) -> tuple[int, Draw]:
    """Train by a recipe for so long.

    Args:
        recipe: its name.
        seconds: of training; what comes before it is not counted.
        images: (N, 3, 64, 64) uint8 real faces, on the device that trains.
        options: further ones of `train.py gan`, the seed among them.

    Returns:
        How many images it has seen, and what draws faces.
    """
    if recipe == REFERENCE:
        reference, batches = Reference(options["seed"], images.device), shuffled(images, options["seed"])
        shown = repeat(lambda: reference.step(next(batches)), seconds, images.device) * 64
        return shown, lambda count: to_uint8(reference.generate(count, options["seed"]))
    config = TrainConfig(kimg=KIMG, device=images.device.type, out="unused", **options | options_of(recipe))
    training = Training(config)
    edits = training.edit_loss(images)
    steps = repeat(lambda: train_step(training.state, images, config, edits), seconds, images.device)
    return steps * config.batch_size, lambda count: draw_faces(copy.deepcopy(training.state.ema), count, config.seed)


def repeat(step: Callable[[], Any], seconds: float, device: torch.device) -> int:
    """Do something again and again for so long; returns how often."""
    clock = time.perf_counter if device.type == "cuda" else time.process_time
    start, count = clock(), 0
    while clock() - start < seconds:
        step()
        count += 1
        if device.type == "cuda":
            torch.cuda.synchronize()
    return count


def shuffled(images: Tensor, seed: int) -> Iterator[Tensor]:
    """uint8 images in batches of 64, as a shuffling loader gives them: floats in [-1, 1], pass after pass."""
    rng = torch.Generator().manual_seed(seed)
    while True:
        for index in torch.randperm(len(images), generator=rng).split(64)[: len(images) // 64]:
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
    parser.add_argument("--minutes", type=float, required=True, help="length of each training")
    parser.add_argument("--start", help="editor's weights to start with, of which the example has no use")
    parser.add_argument("--classifiers", help="train edits: the classifiers that judge them, separated by commas")
    parser.add_argument("--seeds", type=int, default=1, help="trainings of each recipe")
    parser.add_argument("--fakes", type=int, default=3000, help="faces of a judgement")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu", choices=["cpu", "cuda"])
    parser.add_argument("--out", type=Path, required=True, help="where to write the figures")
    arguments = parser.parse_args()
    if arguments.seeds < 1 or not arguments.minutes > 0:
        parser.error("--seeds and --minutes must be positive")
    if arguments.fakes < BATCH:
        parser.error(f"--fakes must be at least {BATCH}, got {arguments.fakes}")

    images = load_faces(DataOptions(data=arguments.data), "train").images.to(arguments.device)
    held_out = load_faces(DataOptions(data=arguments.data), "valid", people=True)
    outside = OutsideJudge(held_out, images, images.device, quick=True)
    evaluator = QualityJudge(arguments.evaluator, held_out.images, images)
    options = {"start": arguments.start, "classifiers": arguments.classifiers}
    options |= {"lead_kimg": 3.0} if arguments.start else {}
    report: RecipesReport = {
        **judged_by(arguments.evaluator),
        "device": device_name(images.device),
        "threads": torch.get_num_threads(),
        "minutes": arguments.minutes,
        "start": arguments.start,
        "classifiers": arguments.classifiers,
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
        sets: list[RecipeFigures] = []
        for seed in range(arguments.seeds):
            shown, draw = fit(recipe, 60 * arguments.minutes, images, options | {"seed": seed})
            faces = draw(arguments.fakes)
            attributes = evaluator.assess(faces)["fd_attributes"]
            sets.append({"images": shown, "fd_attributes": attributes, "outside": outside.assess(faces)})
        report["rows"][recipe] = sets
        write_report(report, arguments.out)
    print(tables.recipes(report))


if __name__ == "__main__":
    main()
