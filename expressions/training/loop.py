"""The loop of adversarial training: what it needs before it begins, its ticks, and how it ends."""

import math
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor
from tqdm.auto import tqdm

from .config import TrainConfig
from .distributed import any_process, average_, join_processes, launched_processes, process_rank
from .edit_loss import EditLoss
from .guides import load_guides
from .metrics import Probe
from .run_folder import GENERATOR, append_statistics, check_options, check_unused, same_faces, write_options
from .start import start_from
from .state import TrainState
from .step import LOSSES, train_step
from .trackers import find_tracker, no_log


class Training:
    """Training of a generator against a discriminator (Goodfellow et al. 2014, algorithm 1).

    To make one checks and reads all that it needs but the data; nothing is written before it runs. Under torchrun or
    `accelerate launch` each process takes its share of every batch, and the first one writes.

    Raises:
        ValueError: this machine lacks the device or the tracker, the processes cannot share a batch, or the guides or
            the networks to start with cannot be used.
        RunError: the folder holds another run, cannot be made, or holds none to resume.
    """

    def __init__(self, config: TrainConfig) -> None:
        self.config, self.run_folder = config, Path(config.out)

        # Refuse what the options alone tell.
        device = config.resolve()
        self.start_log = find_tracker(config.tracker)
        config.check_processes(launched_processes())
        if config.resume:
            check_options(self.run_folder, config)
        else:
            check_unused(self.run_folder)

        # Read the networks: the guides, and those to go on with.
        self.device = join_processes(device)
        self.guides = load_guides(config, self.device)
        self.state = TrainState(config, self.device, self.guides)
        self.lacks_directions = False
        if config.resume:
            self.state.load(self.run_folder)
        elif config.start:
            self.lacks_directions = start_from(config.start, self.state, config)

    def run(self, images: Tensor) -> Path:
        """Train.

        Every tick writes the checkpoint, the averaged generator, a grid of faces from fixed latents and a line of
        statistics. SIGINT and SIGTERM save before they exit. If a loss or a weight is no longer finite, the run goes
        back to the last checkpoint and halves its rates.

        Args:
            images: (N, 3, 64, 64) uint8 real faces.

        Returns:
            The path of the averaged generator.

        Raises:
            ValueError: there are fewer than two faces.
            RunError: another run has begun in the folder, or a resumed one has learnt from other faces.
            OSError: the folder cannot be written to.
            FloatingPointError: not finite after as many rollbacks as are allowed; the checkpoint is intact.
            SystemExit: a signal stopped it; the checkpoint holds what it had reached.
        """
        if len(images) < 2:
            raise ValueError(f"training needs at least 2 faces, got {len(images)}")
        config, state, run = self.config, self.state, self.run_folder
        state.faces = same_faces(images, state.faces, run)  # the checkpoint keeps what it learns from
        images = images.to(self.device)
        edits, probe = self.edit_loss(images), Probe(images)
        is_writer = process_rank() == 0
        if is_writer:
            if not config.resume:
                check_unused(run)  # another may have begun while the data were read
            write_options(run, config)
        log = self.start_log(run) if is_writer else no_log
        tick_steps = max(1, round(config.tick_kimg * 1000 / config.batch_size))
        total, done = (steps * config.batch_size for steps in (config.step_count, state.step))
        bar = tqdm(total=total, initial=done, unit="img", unit_scale=True, disable=not is_writer)
        with bar, _stop_requested() as stop:
            # Write the first networks; or what a kill has left unwritten after the checkpoint.
            (state.export if config.resume else state.save)(run)
            is_stopped = False
            while state.step < config.step_count and not is_stopped:
                # Train for one tick, or until asked to stop.
                losses, start_time, start = [], time.perf_counter(), state.step
                end = min(config.step_count, (start // tick_steps + 1) * tick_steps)
                while state.step < end and not is_stopped:
                    losses.append(train_step(state, images, config, edits))
                    bar.update(config.batch_size)
                    is_stopped = any_process(bool(stop))

                # Read the losses' means from the device, once; go back if anything is not finite.
                mean_losses = torch.stack(losses).mean(0)
                average_([mean_losses])
                stats = dict(zip(LOSSES, mean_losses.tolist(), strict=True))
                if not (all(map(math.isfinite, stats.values())) and state.is_finite()):
                    told = state.roll_back(run)
                    if is_writer:
                        bar.write(told)
                    bar.update(state.step * config.batch_size - bar.n)
                    continue

                # Report the tick.
                speed = (state.step - start) * config.batch_size / (time.perf_counter() - start_time)
                bar.set_postfix(d=f"{stats['d_loss']:.3f}", g=f"{stats['g_loss']:.3f}")
                record = {"step": state.step, "kimg": state.step * config.batch_size / 1000, **stats}
                record |= {"fd_random": probe(state.ema), "images_per_second": speed}

                # Save: the statistics first, so that a checkpoint never lacks its line.
                if is_writer:
                    append_statistics(run, record)
                log(record, state.step)
                state.save(run)
        if is_stopped:
            raise SystemExit(128 + (stop[0] if stop else signal.SIGTERM))
        return run / GENERATOR

    def edit_loss(self, images: Tensor) -> EditLoss | None:
        """What trains edits, if any are to be trained; finds first directions for a generator that lacks them."""
        guides, state = self.guides, self.state
        if not guides.classifiers:
            return None
        edits = EditLoss(guides.classifiers, guides.attributes, images)
        if self.lacks_directions:
            directions = edits.first_directions(state.ema)
            for network in (state.generator, state.ema):
                network.directions.data.copy_(directions)
        return edits


@contextmanager
def _stop_requested() -> Iterator[list[int]]:
    """Collect SIGINT and SIGTERM instead of dying of them: the list is empty until one arrives."""
    received: list[int] = []
    stops = (signal.SIGINT, signal.SIGTERM)
    previous = {stop: signal.signal(stop, lambda signum, _frame: received.append(signum)) for stop in stops}
    try:
        yield received
    finally:
        for signum, handler in previous.items():
            signal.signal(signum, handler)
