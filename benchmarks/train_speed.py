"""Training speed beside PyTorch's own DCGAN example, side by side in one run.

The reference decodes every image each time in the workers of a DataLoader and computes in float32; ours keeps the
decoded faces as uint8 where it computes. Rounds alternate, so that a noisy machine slows both. Peak memory is that of
a process of its own for each, the reference's workers left out.

    PYTHONPATH=. python benchmarks/train_speed.py --data DATA

Prints a table. Writes train_speed.json, or train_speed_cuda.json; the README beside it shows both.
"""

import argparse
import functools
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import datasets
import torch
from machine import device_name
from recipes import FOR_A_CPU, OURS, REFERENCE, options_of
from reference import Reference
from reports import path_of_report, write_report
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torch.utils.flop_counter import FlopCounterMode

from expressions.images import crop_face, to_unit
from expressions.training.config import HUB_DATASET, TrainConfig
from expressions.training.data import known_revision, load_faces
from expressions.training.state import TrainState
from expressions.training.step import train_step

Step = Callable[[], Any]
RECIPES = (OURS, FOR_A_CPU)
WORKERS = 2


class Load(NamedTuple):
    """How much a device is given to do."""

    batch_sizes: tuple[int, ...]
    images: int  # of one recipe in a round
    matrix_side: int


# The example's loader works ahead by four batches: on a GPU a round is long enough for these not to count much.
LOADS = {"cpu": Load((32, 64, 128, 256), 1024, 2048), "cuda": Load((64, 256, 512, 1024), 16_384, 8192)}


class Decoded(Dataset[Tensor]):
    """Faces decoded at each access, as the example's ImageFolder does."""

    def __init__(self, source: str) -> None:
        rows = datasets.load_dataset(source, split="train", revision=known_revision(source))
        self.rows = rows.select_columns("image")

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Tensor:
        return to_unit(torch.from_numpy(crop_face(self.rows[index]["image"])))


def reference_step(source: str, batch_size: int, device: torch.device) -> Step:
    """A step of the reference: the next batch of the loader, then one update of each network."""

    def batches() -> Iterator[Tensor]:
        while True:
            yield from DataLoader(Decoded(source), batch_size, shuffle=True, num_workers=WORKERS, drop_last=True)

    loader, reference = batches(), Reference(seed=0, device=device)
    return lambda: reference.step(next(loader).to(device))


def our_step(options: dict[str, Any], source: str, batch_size: int, device: torch.device) -> Step:
    """A step of `train.py gan` with its defaults, but for these options."""
    config = TrainConfig(data=source, batch_size=batch_size, device=device.type, **options)
    _, dtype = config.resolve()
    images, state = decoded_faces(source, device), TrainState(config, device)
    return lambda: train_step(state, images, config, dtype)


@functools.cache
def decoded_faces(source: str, device: torch.device) -> Tensor:
    """All faces (N, 3, 64, 64) uint8, where ours trains."""
    return load_faces(source).images.to(device)


STEPS: dict[str, Callable[[str, int, torch.device], Step]] = {REFERENCE: reference_step}
STEPS |= {recipe: functools.partial(our_step, options_of(recipe)) for recipe in RECIPES}


def images_per_second(step: Step, batch_size: int, images: int, device: torch.device) -> float:
    steps = max(2, images // batch_size)
    _synchronise(device)
    start = time.perf_counter()
    for _ in range(steps):
        step()
    _synchronise(device)
    return steps * batch_size / (time.perf_counter() - start)


def matrix_rate(dtype: torch.dtype, device: torch.device, side: int) -> float:
    """Floating-point operations a second of a square matrix product."""
    a = torch.randn(side, side, device=device, dtype=dtype)
    times = []
    for _ in range(7):
        _synchronise(device)
        start = time.perf_counter()
        a @ a
        _synchronise(device)
        times.append(time.perf_counter() - start)
    return 2 * side**3 / statistics.median(times)


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


def peak_memory(source: str, device: torch.device) -> dict[str, float]:
    """By recipe, peak megabytes of a process that does three steps, median of three such processes; its workers, which
    share pages with it, are not counted."""
    command = [sys.executable, __file__, "--data", source, "--device", device.type, "--memory-of"]
    run = functools.partial(subprocess.run, check=True, capture_output=True, text=True)

    def of_one(recipe: str) -> float:
        return float(run([*command, recipe]).stdout.splitlines()[-1])

    with ThreadPoolExecutor(max(1, (os.cpu_count() or 1) // WORKERS)) as pool:
        return {recipe: statistics.median(pool.map(of_one, [recipe] * 3)) for recipe in STEPS}


def print_memory(recipe: str, source: str, device: torch.device) -> None:
    step = STEPS[recipe](source, 64, device)
    for _ in range(3):
        step()
    # Not getrusage, whose peak outlives exec and so is that of the parent.
    status = Path("/proc/self/status").read_text()
    print(int(status.partition("VmHWM:")[2].split()[0]) / 1024)


def _synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=HUB_DATASET, help="Hub id or local folder of CelebA")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu", choices=["cpu", "cuda"])
    parser.add_argument("--rounds", type=int, default=5, help="alternations; the medians are reported")
    parser.add_argument("--images", type=int, help="images of one recipe in a round")
    parser.add_argument("--out", type=Path, help="where to write the figures")
    parser.add_argument("--memory-of", choices=STEPS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    device = torch.device(arguments.device)
    if arguments.memory_of:
        print_memory(arguments.memory_of, arguments.data, device)
        return

    load = LOADS[device.type]
    images = arguments.images or load.images
    rows: list[dict[str, Any]] = []
    print(f"{'batch':>6}{'recipe':>22}{'speed':>10}{'reference':>12}{'ratio':>8}   images/s, {arguments.rounds} rounds")
    for batch_size in load.batch_sizes:
        steps = {recipe: make(arguments.data, batch_size, device) for recipe, make in STEPS.items()}
        # Counted in the first step: later ones may be a recording.
        counts = {recipe: operations(steps[recipe], batch_size) for recipe in RECIPES}
        for step in steps.values():
            images_per_second(step, batch_size, 5 * batch_size, device)  # warm up
        rounds = [
            {recipe: images_per_second(step, batch_size, images, device) for recipe, step in steps.items()}
            for _ in range(arguments.rounds)
        ]
        medians = {recipe: statistics.median(speeds[recipe] for speeds in rounds) for recipe in STEPS}
        for recipe in RECIPES:
            row: dict[str, Any] = {
                "batch_size": batch_size,
                "recipe": recipe,
                "speed": medians[recipe],
                "reference": medians[REFERENCE],
                "ratio": statistics.median(speeds[recipe] / speeds[REFERENCE] for speeds in rounds),
                "operations": counts[recipe],
            }
            rows.append(row | {"rounds": [[speeds[recipe], speeds[REFERENCE]] for speeds in rounds]})
            print("{batch_size:6}{recipe:>22}{speed:10.1f}{reference:12.1f}{ratio:8.2f}".format(**row), flush=True)

    rate = matrix_rate(torch.bfloat16, device, load.matrix_side)
    for row in rows:
        row["share"] = row["speed"] * row["operations"] / rate
    shares = ", ".join(f"{row['share']:.0%}" for row in rows)
    print(f"share of the bf16 matrix rate ({rate / 1e9:.0f} GFLOP/s): {shares}")
    memory = peak_memory(arguments.data, device)
    decoded = decoded_faces(arguments.data, device).nbytes / 2**20
    print(", ".join(f"{recipe} {peak:.0f} MB" for recipe, peak in memory.items()) + f"; decoded faces {decoded:.0f} MB")
    report = {
        "device": device_name(device),
        "torch": torch.__version__,
        "rows": rows,
        "matrix_rate": rate,
        "peak_megabytes": memory,
        "decoded_megabytes": decoded,
    }
    write_report(report, arguments.out or path_of_report("train_speed", device))


if __name__ == "__main__":
    main()
