"""Adversarial training: its options, its loop, its checkpoints."""

import copy
import dataclasses
import json
import math
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from tqdm.auto import tqdm

from .images import grid, save_png, to_unit
from .losses import d_relativistic_loss, g_relativistic_loss, gradient_penalty
from .model import IMAGE_SIZE, Discriminator, Generator
from .options import DataOptions, DeviceOptions, channels_last, check, option

CHECKPOINT = "checkpoint.pt"
GENERATOR = "generator.safetensors"
OPTIONS = "options.json"
STATS = "stats.jsonl"
GRID_SIDE = 8

TRACKERS = ("none", "tensorboard", "trackio")

# What may differ between a run and its continuation: where and how long, not what is computed.
RESUMABLE = {"resume", "out", "kimg", "tracker", "device", "precision"}


@dataclass(frozen=True, kw_only=True)
class TrainConfig(DataOptions, DeviceOptions):
    """Every option of adversarial training: its default, its meaning and the check of its value."""

    split: str = option("train", "split to train on")
    out: str = option("runs/gan", "run folder: options, statistics, sample grids, checkpoint, generator")
    resume: bool = option(False, "go on from the checkpoint in the run folder")
    kimg: float = option(1500.0, "length of the training, in thousands of real images shown", above=0)
    tick_kimg: float = option(10.0, "thousands of images between two checkpoints with statistics and a grid", above=0)
    batch_size: int = option(64, "real images in one step", above=1)
    g_lr: float = option(2e-4, "Adam's rate for the generator", above=0)
    d_lr: float = option(2e-4, "Adam's rate for the discriminator", above=0)
    beta1: float = option(0.5, "Adam's first decay")
    beta2: float = option(0.999, "Adam's second decay")
    gamma: float = option(0.3, "weight of the gradient penalties on real (R1) and on generated images (R2)", above=0)
    penalty_batch: int = option(8, "real and as many generated images of a batch that carry the penalties", above=0)
    ema_kimg: float = option(10.0, "half-life of the averaged generator, in thousands of images", above=0)
    max_shift: int = option(4, "the discriminator sees every image shifted by up to this many pixels", above=-1)
    seed: int = option(0, "seed of the initial weights and of everything drawn during training", above=-1)
    tracker: str = option("none", "also send the statistics to a tracker", choices=TRACKERS)

    def __post_init__(self) -> None:
        check(self)
        for name in ("beta1", "beta2"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 0 and below 1, got {getattr(self, name)}")
        if self.max_shift >= IMAGE_SIZE:
            raise ValueError(f"max_shift must be below {IMAGE_SIZE} pixels, got {self.max_shift}")


class RunError(ValueError):
    """A run folder that cannot be used as asked; nothing in it was changed."""


def train(config: TrainConfig, images: Tensor) -> Path:
    """Train a generator against a discriminator (Goodfellow et al. 2014, algorithm 1).

    Writes into the run folder at every tick: the checkpoint, the averaged generator, a grid of faces
    from fixed latents and a line of statistics. SIGINT and SIGTERM save before they exit.

    Args:
        config: the options.
        images: (N, 3, 64, 64) uint8 real faces.

    Returns:
        The path of the averaged generator.

    Raises:
        RunError: the folder holds another run, or no checkpoint to resume from.
        FloatingPointError: a loss is no longer finite; the last checkpoint is intact.
    """
    run = Path(config.out)
    device, dtype = config.resolve()
    start_log = _tracker(config.tracker)
    state = TrainState(config, device)
    _open_run(run, config, state)
    images = images.to(device)
    log = start_log(run)
    step_count = math.ceil(config.kimg * 1000 / config.batch_size)
    tick_steps = max(1, round(config.tick_kimg * 1000 / config.batch_size))
    if state.step == 0:
        save_png(state.sample(), run / "fakes-000000.png")

    total, done = (steps * config.batch_size for steps in (step_count, state.step))
    bar = tqdm(total=total, initial=done, unit="img", unit_scale=True)
    with bar, _stop_requested() as stop:
        losses, tick_start, tick_step = [], time.perf_counter(), state.step
        while state.step < step_count and not stop:
            losses.append(train_step(state, images, config, dtype))
            bar.update(config.batch_size)
            if state.step % tick_steps and state.step < step_count and not stop:
                continue

            # Report: means over the tick, read from the device once.
            means = torch.stack(losses).mean(0).tolist()
            if not all(map(math.isfinite, means)):
                raise FloatingPointError(f"a loss is not finite after step {state.step}; {run / CHECKPOINT} is intact")
            speed = (state.step - tick_step) * config.batch_size / (time.perf_counter() - tick_start)
            kimg = state.step * config.batch_size / 1000
            stats = dict(zip(("d_loss", "g_loss", "real_logit", "fake_logit"), means, strict=True))
            bar.set_postfix(d=f"{stats['d_loss']:.3f}", g=f"{stats['g_loss']:.3f}")
            record = {"step": state.step, "kimg": kimg, **stats, "images_per_second": speed}

            # Save: the statistics first, so that a checkpoint never lacks its line.
            with (run / STATS).open("a") as file:
                file.write(json.dumps(record) + "\n")
            log(record, state.step)
            save_png(state.sample(), run / f"fakes-{state.step:06d}.png")
            state.save(run)
            losses, tick_start, tick_step = [], time.perf_counter(), state.step
    if stop:
        raise SystemExit(128 + stop[0])
    return run / GENERATOR


class TrainState:
    """All that changes while training: networks, optimisers, average, random state, step."""

    def __init__(self, config: TrainConfig, device: torch.device) -> None:
        torch.manual_seed(config.seed)
        self.generator = channels_last(Generator()).to(device)
        self.discriminator = channels_last(Discriminator()).to(device)
        self.ema = copy.deepcopy(self.generator).eval().requires_grad_(False)
        betas = (config.beta1, config.beta2)
        self.g_optimizer = torch.optim.Adam(self.generator.parameters(), config.g_lr, betas)
        self.d_optimizer = torch.optim.Adam(self.discriminator.parameters(), config.d_lr, betas)
        self.random = torch.Generator(device).manual_seed(config.seed)
        self.step = 0
        fixed = torch.Generator().manual_seed(config.seed)
        self.fixed_z = (torch.rand(GRID_SIDE**2, self.generator.z_dim, generator=fixed) * 2 - 1).to(device)

    def _parts(self) -> dict[str, Any]:
        names = ("generator", "discriminator", "ema", "g_optimizer", "d_optimizer")
        return {name: getattr(self, name) for name in names}

    def save(self, run: Path) -> None:
        """Write the checkpoint and the averaged generator, each completely or not at all."""
        checkpoint = {name: part.state_dict() for name, part in self._parts().items()}
        checkpoint |= {"random": self.random.get_state(), "step": self.step}
        _write_atomically(run / CHECKPOINT, lambda path: torch.save(checkpoint, path))
        weights = {name: tensor.contiguous().cpu() for name, tensor in self.ema.state_dict().items()}
        _write_atomically(run / GENERATOR, lambda path: save_file(weights, path))

    def load(self, path: Path) -> None:
        """Restore what `save` wrote.

        Raises:
            RunError: the file is not a readable checkpoint of these networks.
        """
        try:
            checkpoint = torch.load(path, map_location="cpu", weights_only=True)
            for name, part in self._parts().items():
                part.load_state_dict(checkpoint[name])
            self.random.set_state(checkpoint["random"])
            self.step = checkpoint["step"]
        except Exception as error:  # torch.load has no common type for a broken file
            raise RunError(f"{path} is not a checkpoint of this training: {error}") from error

    @torch.no_grad()
    def sample(self) -> Any:
        """The averaged generator's faces of the fixed latents, as one picture."""
        return grid(self.ema(self.fixed_z), GRID_SIDE)


def train_step(state: TrainState, images: Tensor, config: TrainConfig, dtype: torch.dtype | None) -> Tensor:
    """One step of each network; returns (4,): both losses and the mean logits of real and fake."""
    G, D, rng = state.generator, state.discriminator, state.random
    device = images.device

    def drawn(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=rng, device=device)

    def autocast() -> torch.autocast:
        return torch.autocast(device.type, dtype or torch.bfloat16, enabled=dtype is not None)

    # Draw a batch of real faces, half of them mirrored, and a batch of latents.
    index = torch.randint(len(images), (config.batch_size,), generator=rng, device=device)
    real = to_unit(images[index])
    real = torch.where(drawn(config.batch_size, 1, 1, 1) < 0.5, real.flip(3), real)
    z = drawn(config.batch_size, G.z_dim) * 2 - 1

    # Train the discriminator by itself, on fakes that carry no gradient to the generator.
    D.requires_grad_(True)
    with autocast():
        fake = G(z).float()
        shown = shift(torch.cat([real, fake.detach()]), config.max_shift, rng)
        real_logits, fake_logits = D(shown).float().chunk(2)
    d_loss = d_relativistic_loss(real_logits, fake_logits)
    state.d_optimizer.zero_grad(set_to_none=True)
    d_loss.backward()
    some = torch.cat([half[: config.penalty_batch] for half in shown.chunk(2)]).requires_grad_(True)
    penalty = 2 * gradient_penalty(D(some), some)  # R1 + R2: the mean runs over both halves
    (config.gamma / 2 * penalty).backward()  # in float32: squared gradients are too small for bf16
    state.d_optimizer.step()

    # Train the generator through the discriminator, which is frozen.
    D.requires_grad_(False)
    with autocast():
        with torch.no_grad():
            paired_logits = D(shift(real, config.max_shift, rng)).float()
        g_loss = g_relativistic_loss(paired_logits, D(shift(fake, config.max_shift, rng)).float())
    state.g_optimizer.zero_grad(set_to_none=True)
    g_loss.backward()
    state.g_optimizer.step()

    state.step += 1
    ema_update(state.ema, G, ema_decay(state.step, config))
    return torch.stack([d_loss, g_loss, real_logits.mean(), fake_logits.mean()]).detach()


def shift(images: Tensor, max_shift: int, generator: torch.Generator) -> Tensor:
    """Move each image by up to `max_shift` pixels a side, black beyond the edge (DiffAugment's translation,
    Zhao et al. 2020, arXiv:2006.10738); differentiable in the images."""
    if max_shift == 0:
        return images
    count, _, height, width = images.shape
    moves = torch.randint(2 * max_shift + 1, (2, count, 1), generator=generator, device=images.device)
    rows = moves[0] + torch.arange(height, device=images.device)  # (N, H)
    columns = moves[1] + torch.arange(width, device=images.device)  # (N, W)
    padded = nn.functional.pad(images, [max_shift] * 4, value=-1.0).permute(0, 2, 3, 1)
    item = torch.arange(count, device=images.device)[:, None, None]
    return padded[item, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def ema_decay(step: int, config: TrainConfig) -> float:
    """Decay for one step; the half-life grows with the training until it reaches `ema_kimg`."""
    images_shown = step * config.batch_size
    half_life = min(config.ema_kimg * 1000, 0.05 * images_shown)
    return float(0.5 ** (config.batch_size / half_life))


@torch.no_grad()
def ema_update(average: nn.Module, model: nn.Module, decay: float) -> None:
    """average <- decay * average + (1 - decay) * model, batch-norm statistics included; counters are copied."""
    source = model.state_dict()
    for name, value in average.state_dict().items():
        if value.is_floating_point():
            value.lerp_(source[name], 1 - decay)
        else:
            value.copy_(source[name])


def load_generator(path: Path) -> Generator:
    """Read the averaged generator that a training run wrote.

    Raises:
        RunError: the file is missing or does not hold this generator.
    """
    generator = Generator()
    try:
        with safe_open(path, framework="pt") as file:
            generator.load_state_dict({name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118
    except Exception as error:
        raise RunError(f"{path} does not hold a generator: {error}") from error
    return generator.eval().requires_grad_(False)


def _open_run(run: Path, config: TrainConfig, state: TrainState) -> None:
    """Start a run folder, or restore `state` from it."""
    options = dataclasses.asdict(config)
    checkpoint = run / CHECKPOINT
    if not config.resume:
        if checkpoint.exists():
            raise RunError(f"{run} already holds a run: go on with --resume, or name another folder with --out")
        run.mkdir(parents=True, exist_ok=True)
        (run / STATS).unlink(missing_ok=True)
    else:
        if not checkpoint.exists():
            raise RunError(f"nothing to resume: {checkpoint} does not exist")
        saved = json.loads((run / OPTIONS).read_text())
        changed = [name for name in options if name not in RESUMABLE and saved.get(name) != options[name]]
        if changed:
            raise RunError(
                f"{run} was started with "
                + ", ".join(f"{name}={saved.get(name)!r} (now {options[name]!r})" for name in changed)
                + ": resume with the same options, or start another run with --out"
            )
        state.load(checkpoint)
        lines = (run / STATS).read_text().splitlines()
        kept = [line for line in lines if json.loads(line)["step"] <= state.step]
        _write_atomically(run / STATS, lambda path: path.write_text("".join(line + "\n" for line in kept)))
    _write_atomically(run / OPTIONS, lambda path: path.write_text(json.dumps(options, indent=2) + "\n"))


def _write_atomically(path: Path, write: Callable[[Path], Any]) -> None:
    """Let `write` fill a temporary file, force it to the disk, then put it in place."""
    temporary = path.with_name(path.name + ".tmp")
    write(temporary)
    with temporary.open("rb+") as file:
        os.fsync(file.fileno())
    temporary.replace(path)


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


Log = Callable[[dict[str, float], int], None]


def _tracker(name: str) -> Callable[[Path], Log]:
    """What starts the named tracker for a run folder and returns the function that sends it one record.

    Raises:
        ValueError: the tracker is not installed.
    """
    try:
        if name == "tensorboard":
            from torch.utils.tensorboard import SummaryWriter

            return lambda run: _tensorboard_log(SummaryWriter(run))
        if name == "trackio":
            import trackio

            return lambda run: _trackio_log(trackio, run)
    except ImportError as error:
        raise ValueError(f"tracker: {name} is not installed; run: pip install {name}") from error
    return lambda _run: lambda _record, _step: None


def _tensorboard_log(writer: Any) -> Log:
    def log(record: dict[str, float], step: int) -> None:
        for key, value in record.items():
            writer.add_scalar(key, value, step)
        writer.flush()

    return log


def _trackio_log(trackio: Any, run: Path) -> Log:
    trackio.init(project="expressions", name=run.name, embed=False)
    return lambda record, step: trackio.log(record, step=step)
