"""Training speed beside PyTorch's own DCGAN example, side by side in one run.

The example decodes every image each time in the workers of a DataLoader and computes in float32; ours keeps the decoded
faces as uint8 where it computes. Rounds take turns, so that a noisy machine slows both. Peak memory is that of a
process of its own for each, without the example's workers.

    python -m benchmarks.train_speed --data DATA

Prints a table and writes train_speed.json. Without edits.
"""

import argparse
import functools
import multiprocessing
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import datasets
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torch.utils.flop_counter import FlopCounterMode

from expressions.attributes import HUB_DATASET
from expressions.images import crop_face, to_unit
from expressions.training.config import DataOptions, TrainConfig
from expressions.training.data import known_revision, load_faces
from expressions.training.loop import Training
from expressions.training.step import train_step

from . import tables
from .reference import Reference
from .reports import BENCHMARKS, OURS, REFERENCE, SpeedReport, SpeedRow, device_name, write_report

Step = Callable[[], Any]
WORKERS = 2


class Load(NamedTuple):
    """How much a device is given to do."""

    batch_sizes: tuple[int, ...]
    images: int  # of one recipe in a round
    matrix_side: int


# The example's loader works ahead by four batches: on a GPU a round is long enough for these not to count much.
LOADS = {"cpu": Load((32, 64), 256, 2048), "cuda": Load((64, 256, 512, 1024), 16_384, 8192)}


class Decoded(Dataset[Tensor]):
    """Faces decoded at each access, as the example's ImageFolder does."""

    def __init__(self, source: str) -> None:
        rows = datasets.load_dataset(source, split="train", revision=known_revision(source))
        self.rows = rows.select_columns("image")

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Tensor:
        return to_unit(torch.from_numpy(crop_face(self.rows[index]["image"])))


def new_step(recipe: str, source: str, batch_size: int, device: torch.device) -> Step:
    """A training's step: with the example's loader, or as `train.py gan` does it."""
    if recipe == REFERENCE:
        batches, reference = _batches(source, batch_size), Reference(seed=0, device=device)
        return lambda: reference.step(next(batches).to(device))
    config = TrainConfig(data=source, batch_size=batch_size, device=device.type, out="unused")
    images, state = decoded_faces(source, device), Training(config).state
    return lambda: train_step(state, images, config)


def _batches(source: str, batch_size: int) -> Iterator[Tensor]:
    while True:
        yield from DataLoader(Decoded(source), batch_size, shuffle=True, num_workers=WORKERS, drop_last=True)


@functools.cache
def decoded_faces(source: str, device: torch.device) -> Tensor:
    """All faces (N, 3, 64, 64) uint8, where ours trains."""
    return load_faces(DataOptions(data=source), "train").images.to(device)


def seconds(work: Step, device: torch.device) -> float:
    """How long something takes, until the device has done it."""
    synchronise = torch.cuda.synchronize if device.type == "cuda" else lambda: None
    synchronise()
    start = time.perf_counter()
    work()
    synchronise()
    return time.perf_counter() - start


def images_per_second(step: Step, batch_size: int, images: int, device: torch.device) -> float:
    steps = max(2, images // batch_size)
    return steps * batch_size / seconds(lambda: [step() for _ in range(steps)], device)


def matrix_rate(device: torch.device, side: int) -> float:
    """Floating-point operations a second of a square matrix product in bf16."""
    a = torch.randn(side, side, device=device, dtype=torch.bfloat16)
    return 2 * side**3 / statistics.median(seconds(lambda: a @ a, device) for _ in range(7))


class _NoModules(nullcontext[None]):
    """In place of the counter's list of modules, whose hooks do not allow the gradient of a gradient."""

    parents = frozenset({"Global"})


def operations(step: Step, batch_size: int) -> float:
    """Floating-point operations of a step for each of its images."""
    counter = FlopCounterMode(display=False)
    counter.mod_tracker = _NoModules()  # type: ignore[assignment]
    with counter:
        step()
    return counter.get_total_flops() / batch_size


def peak_megabytes(recipe: str, source: str, device: torch.device) -> float:
    """The most memory that this process has held after three steps; its workers, which share pages with it, are not
    counted."""
    step = new_step(recipe, source, 64, device)
    for _ in range(3):
        step()
    # Not getrusage, whose peak outlives exec and so is that of the parent.
    return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) / 1024


def peak_memory(source: str, device: torch.device) -> dict[str, float]:
    """By recipe the median of three processes."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn, max_tasks_per_child=1) as pool:
        peaks = {
            recipe: [pool.submit(peak_megabytes, recipe, source, device) for _ in range(3)]
            for recipe in (REFERENCE, OURS)
        }
        return {recipe: statistics.median(one.result() for one in several) for recipe, several in peaks.items()}


def measure(source: str, batch_size: int, device: torch.device, *, images: int, rounds: int, rate: float) -> SpeedRow:
    """Ours beside the reference, in batches of one size; `rate` is that of a matrix product."""
    steps = {recipe: new_step(recipe, source, batch_size, device) for recipe in (REFERENCE, OURS)}
    # Counted in the first step: later ones may be a recording.
    count = operations(steps[OURS], batch_size)
    for step in steps.values():
        images_per_second(step, batch_size, 5 * batch_size, device)  # warm up
    turns = [
        {recipe: images_per_second(step, batch_size, images, device) for recipe, step in steps.items()}
        for _ in range(rounds)
    ]
    medians = {recipe: statistics.median(speeds[recipe] for speeds in turns) for recipe in steps}
    return {
        "batch_size": batch_size,
        "speed": medians[OURS],
        "reference": medians[REFERENCE],
        "ratio": statistics.median(speeds[OURS] / speeds[REFERENCE] for speeds in turns),
        "share": medians[OURS] * count / rate,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=HUB_DATASET, help="Hub id or local folder of CelebA")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu", choices=["cpu", "cuda"])
    parser.add_argument("--rounds", type=int, default=5, help="rounds, of which the medians are shown")
    parser.add_argument("--images", type=int, help="images of one recipe in a round")
    parser.add_argument("--out", type=Path, default=BENCHMARKS / "train_speed.json", help="where to write the figures")
    arguments = parser.parse_args()
    source, device, load = arguments.data, torch.device(arguments.device), LOADS[arguments.device]
    rate = matrix_rate(device, load.matrix_side)
    options: dict[str, Any] = {"images": arguments.images or load.images, "rounds": arguments.rounds, "rate": rate}
    report: SpeedReport = {
        "device": device_name(device),
        "torch": torch.__version__,
        "rows": [measure(source, size, device, **options) for size in load.batch_sizes],
        "matrix_rate": rate,
        "peak_megabytes": peak_memory(source, device),
        "decoded_megabytes": decoded_faces(source, device).nbytes / 2**20,
    }
    write_report(report, arguments.out)
    print(tables.speed(report))


if __name__ == "__main__":
    main()
