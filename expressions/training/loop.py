"""training.loop."""

import math
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import torch
from torch import Tensor
from tqdm.auto import tqdm

from .config import TrainConfig
from .distributed import any_process, average_, join_processes, launched_processes, process_count, process_rank
from .edit_loss import EditLoss
from .guides import Guides, load_guides
from .metrics import Probe
from .run_folder import GENERATOR, append_statistics, check_resumable, check_unused, start_run, write_options
from .start import _networks_to_start_with
from .state import TrainState
from .step import LOSSES, train_step
from .trackers import find_tracker, no_log


def check_ready(config: TrainConfig) -> None:
    """Find out before the data are read whether the training can start.

    Raises:
        RunError: the folder holds another run or cannot be made, or there is no checkpoint to resume or start from.
        ValueError: this machine lacks the device or the tracker, the processes cannot share a batch, or the
            classifiers, the embedding or the features cannot be used.
    """
    config.resolve()
    find_tracker(config.tracker)
    _check_batch(config, launched_processes())
    _check_folder(config)
    _guides(config)
    if config.start and not config.resume:
        _networks_to_start_with(config.start, config.g_width)


def _check_folder(config: TrainConfig) -> None:
    if config.resume:
        check_resumable(Path(config.out), config)
    else:
        check_unused(Path(config.out))


def train(config: TrainConfig, images: Tensor) -> Path:
    """Train a generator against a discriminator (Goodfellow et al. 2014, algorithm 1).

    Writes into the run folder at every tick: the checkpoint, the averaged generator, a grid of faces
    from fixed latents and a line of statistics. SIGINT and SIGTERM save before they exit. Where a loss or
    a weight is no longer finite, the run goes back to the last checkpoint and halves its rates.

    Under torchrun or `accelerate launch` each process takes its share of every batch; the first one writes.

    Args:
        config: the options.
        images: (N, 3, 64, 64) uint8 real faces.

    Returns:
        The path of the averaged generator.

    Raises:
        RunError: the folder holds another run, no checkpoint to resume from, or cannot be written.
        ValueError: there are fewer than two faces, or as for `check_ready`.
        FloatingPointError: not finite after as many rollbacks as are allowed; the checkpoint is intact.
        SystemExit: a signal stopped it; the checkpoint holds what it had reached.
    """
    run = Path(config.out)
    device, dtype = config.resolve()
    start_log = find_tracker(config.tracker)
    _check_folder(config)
    device = join_processes(device)
    _check_shares(config, len(images))
    is_writer = process_rank() == 0
    images = images.to(device)
    state = _first_state(config, images)
    if is_writer:
        (write_options if config.resume else start_run)(run, config)
    probe = Probe(images)
    log = start_log(run) if is_writer else no_log
    tick_steps = max(1, round(config.tick_kimg * 1000 / config.batch_size))
    total, done = (steps * config.batch_size for steps in (config.step_count, state.step))
    bar = tqdm(total=total, initial=done, unit="img", unit_scale=True, disable=not is_writer)
    with bar, _stop_requested() as stop:
        if config.resume:
            state.export(run)  # a kill may have come between the checkpoint and this
        else:
            state.save(run)
        stopping = False
        while state.step < config.step_count and not stopping:
            # Train for one tick, or until asked to stop.
            losses, start_time, start = [], time.perf_counter(), state.step
            end = min(config.step_count, (start // tick_steps + 1) * tick_steps)
            while state.step < end and not stopping:
                losses.append(train_step(state, images, config, dtype))
                bar.update(config.batch_size)
                stopping = any_process(bool(stop))

            # Report: means over the tick, read from the device once.
            mean_losses = torch.stack(losses).mean(0)
            average_([mean_losses])
            means = mean_losses.tolist()
            if not (all(map(math.isfinite, means)) and state.is_finite()):
                told = state.roll_back(run)
                if is_writer:
                    bar.write(told)
                bar.update(state.step * config.batch_size - bar.n)
                continue
            seconds = time.perf_counter() - start_time
            stats = dict(zip(LOSSES, means, strict=True))
            bar.set_postfix(d=f"{stats['d_loss']:.3f}", g=f"{stats['g_loss']:.3f}")
            record = {
                "step": state.step,
                "kimg": state.step * config.batch_size / 1000,
                **stats,
                "fd_random": state.judge(probe),
                "images_per_second": (state.step - start) * config.batch_size / seconds,
            }

            # Save: the statistics first, so that a checkpoint never lacks its line.
            if is_writer:
                append_statistics(run, record)
            log(record, state.step)
            state.save(run)
    if stopping:
        raise SystemExit(128 + (stop[0] if stop else signal.SIGTERM))
    return run / GENERATOR


def _check_shares(config: TrainConfig, faces: int) -> None:
    """Refuse too few faces, and a batch that the processes cannot share.

    Raises:
        ValueError: telling how many there must be.
    """
    if faces < 2:
        raise ValueError(f"training needs at least 2 faces, got {faces}")
    _check_batch(config, process_count())


def _check_batch(config: TrainConfig, processes: int) -> None:
    """Refuse a batch that so many processes cannot share.

    Raises:
        ValueError: telling of what it must be a multiple.
    """
    unit = processes * (2 if config.classifiers else 1)  # a face and its edit stay together
    if config.batch_size % unit:
        raise ValueError(f"batch_size must be a multiple of {unit} for {processes} processes, got {config.batch_size}")


@contextmanager
def _stop_requested() -> Iterator[list[int]]:
    """Collect SIGINT and SIGTERM instead of dying of them: the list is empty until one arrives."""
    received: list[int] = []

    def note(signum: int, _frame: FrameType | None) -> None:
        received.append(signum)

    previous = {signum: signal.signal(signum, note) for signum in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for signum, handler in previous.items():
            signal.signal(signum, handler)


def _first_state(config: TrainConfig, images: Tensor) -> TrainState:
    """New networks, those of the run to start from, or those of the checkpoint to resume."""
    guides = _guides(config, images.device)
    state = TrainState(config, images.device, guides, _edit_loss(guides, images))
    if config.resume:
        state.load(Path(config.out))
    elif config.start:
        new_parts = state.start_from(config.start)
        if new_parts and process_rank() == 0:
            advice = "" if config.lead_kimg else " (--lead-kimg lets it learn first)"
            which = " and of ".join(new_parts)
            tqdm.write(f"the discriminator of {which} is new: {config.start} has none of this kind{advice}")
    return state


def _guides(config: TrainConfig, device: torch.device | str = "cpu") -> Guides:
    return load_guides(
        classifiers=config.classifiers, identity=config.identity, features=config.features, device=device
    )


def _edit_loss(guides: Guides, images: Tensor) -> EditLoss | None:
    """What trains edits, if any are to be trained."""
    if not guides.classifiers:
        return None
    return EditLoss(guides.classifiers, guides.attributes, images[: EditLoss.REAL_FACES], guides.identity)
