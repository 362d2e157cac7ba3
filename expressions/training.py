"""Adversarial training: its options, its state, its loop."""

import copy
import math
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from .adversaries import Adversary, JointAdversary, ProjectedAdversary, RelativisticAdversary
from .attributes import SLIDERS, missing_sliders
from .augmentation import mirror, shift
from .distributed import (
    any_process,
    average_,
    gather,
    join_processes,
    launched_processes,
    process_count,
    process_rank,
    wait_for_all,
)
from .editability import EditLoss
from .editor import Editor
from .errors import first_line
from .guides import Guides, load_guides
from .images import grid, save_png, to_unit
from .metrics import RandomFeatures, frechet_distance
from .model import BATCH, IMAGE_SIZE, Z_DIM, Discriminator, Generator, ema_update
from .options import MAX_SEED, DataOptions, DeviceOptions, autocast_to, channels_last, check, option, split_paths
from .replay import Replay
from .runs import (
    CHECKPOINT,
    GENERATOR,
    RunError,
    append_statistics,
    check_resumable,
    check_unused,
    holds_run,
    keep_best,
    load_checkpoint,
    save_checkpoint,
    save_network,
    start_run,
    write_atomically,
    write_options,
)
from .trackers import TRACKERS, find_tracker, no_log

GRID_SIDE = 8
MAX_ROLLBACKS = 3
LOSSES = ("d_loss", "g_loss", "real_logit", "fake_logit", "edit_loss")
_NO_GUIDES = Guides()
COUNTERS = ("step", "rollbacks", "best_distance", "best_step")  # of a training, in its checkpoint


@dataclass(frozen=True, kw_only=True)
class TrainConfig(DataOptions, DeviceOptions):
    """Every option of adversarial training: its default, its meaning and the check of its value."""

    split: str = option("train", "split to train on")
    out: str = option("runs/gan", "run folder: options, statistics, sample grids, checkpoint, generator")
    resume: bool = option(False, "go on from the checkpoint in the run folder")
    kimg: float = option(1500.0, "length of the training, in thousands of real images shown", above=0)
    tick_kimg: float = option(10.0, "thousands of images between two checkpoints with statistics and a grid", above=0)
    g_width: int = option(
        Generator.WIDTH,
        "feature maps of the generator at 64x64; 12 times as many at 4x4",
        above=0,
        most=Generator.MAX_WIDTH,
    )
    d_width: int = option(
        Discriminator.WIDTH, "feature maps of the discriminator of pixels at 32x32; 8 times as many at 4x4", above=0
    )
    d_kernel: int = option(
        Discriminator.KERNEL,
        "side of the strided kernels of the discriminator of pixels; 3 is faster",
        choices=Discriminator.KERNELS,
    )
    batch_size: int = option(64, "real images in one step, of all processes together", least=2)
    # Two time scales (Heusel et al. 2017, arXiv:1706.08500); benchmarks/README.md has them beside equal ones.
    g_lr: float = option(1e-4, "Adam's rate for the generator", above=0)
    d_lr: float = option(4e-4, "Adam's rate for the discriminator", above=0)
    cooldown: float = option(
        0.0, "share of the training, at its end, over which the rates fall to 0 in a line", least=0, most=1
    )
    beta1: float = option(0.5, "Adam's first decay")
    beta2: float = option(0.999, "Adam's second decay")
    gamma: float = option(0.3, "weight of the gradient penalties on real (R1) and on generated images (R2)", least=0)
    penalty_batch: int = option(8, "real and as many generated images of a batch that carry the penalties", above=0)
    ema_kimg: float = option(
        25.0,
        "half-life of the averaged generator, in thousands of images; of a new one it grows up to that",
        above=0,
    )
    max_shift: int = option(
        0, "the discriminator sees every image shifted by up to this many pixels", least=0, most=IMAGE_SIZE - 1
    )
    seed: int = option(0, "seed of the initial weights and of everything drawn during training", least=0, most=MAX_SEED)
    start: str | None = option(
        None, "start with the networks of another training's run folder, or of an editor's weights (folder or Hub id)"
    )
    lead_kimg: float = option(
        0.0,
        "thousands of images that a new discriminator learns from alone, before a trained generator moves",
        least=0,
    )
    features: str | None = option(
        None,
        "classifiers or identity embeddings, separated by commas, through whose layers the discriminator sees a face "
        "(projected GAN: hinge loss, spectral norms); without any it sees pixels (relativistic loss, R1 and R2)",
        paths=True,
    )
    texture_weight: float = option(
        0.0,
        "weight, in the generator's loss, of a second discriminator, of pixels, beside the one that sees through "
        "features",
        least=0,
    )
    classifiers: str | None = option(
        None, "train edits: attribute classifiers to hold, separated by commas", paths=True
    )
    identity: str | None = option(None, "train edits: an identity embedding, by which people are to stay who they are")
    edit_weight: float = option(3.5, "weight of what an edit should and should not change", least=0)
    pixel_weight: float = option(0.35, "weight of the mean change of a pixel by an edit", least=0)
    tracker: str = option("none", "also send the statistics to a tracker", choices=TRACKERS)

    def __post_init__(self) -> None:
        check(self)
        for name in ("beta1", "beta2"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 0 and below 1, got {getattr(self, name)}")
        if self.identity and not self.classifiers:
            raise ValueError("identity belongs to the training of edits: give classifiers too")
        if self.classifiers and self.batch_size % 2:
            raise ValueError(f"batch_size must be even where edits are trained, got {self.batch_size}")
        if self.texture_weight and not self.features:
            raise ValueError("texture_weight belongs to a discriminator that sees through features: give features too")
        if self.lead_kimg and not self.start:
            raise ValueError("lead_kimg lets a discriminator catch up with a trained generator: give start too")
        if self.lead_kimg > self.kimg:
            raise ValueError(f"lead_kimg must be at most kimg, {self.kimg:g}, got {self.lead_kimg:g}")

    @property
    def step_count(self) -> int:
        """Steps of the whole training."""
        return math.ceil(self.kimg * 1000 / self.batch_size)


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


class TrainState:
    """All that changes while training: networks, optimisers, average, random state, step."""

    def __init__(
        self,
        config: TrainConfig,
        device: torch.device,
        guides: Guides = _NO_GUIDES,
        edits: EditLoss | None = None,
    ) -> None:
        torch.manual_seed(config.seed)
        self.edits = edits
        self.digests = guides.digests
        self.features = ",".join(self.digests[path] for path in split_paths(config.features))  # what is seen through
        self.generator = channels_last(Generator(width=config.g_width, directions=len(SLIDERS) if edits else 0)).to(
            device
        )
        self.adversary = _adversary(config, guides)
        self.discriminator = channels_last(self.adversary.discriminator).to(device)
        self.ema = copy.deepcopy(self.generator).eval().requires_grad_(False)
        betas = (config.beta1, config.beta2)
        self.g_optimizer = adam(self.generator, config.g_lr, betas)
        self.d_optimizer = adam(self.discriminator, config.d_lr, betas)
        self.ema_weight = torch.zeros((), device=device)  # of the generator's own weights, in one step of the average
        self.random = torch.Generator(device).manual_seed(config.seed * process_count() + process_rank())
        self.replays: dict[bool, Replay] = {}  # of a step, by whether the discriminator leads
        self.step = 0
        self.rollbacks = 0
        self.best_distance, self.best_step = math.inf, -1
        fixed = torch.Generator().manual_seed(config.seed)
        self.fixed_z = (torch.rand(GRID_SIDE**2, self.generator.z_dim, generator=fixed) * 2 - 1).to(device)

    def _parts(self) -> dict[str, Any]:
        names = ("generator", "discriminator", "ema", "g_optimizer", "d_optimizer")
        return {name: getattr(self, name) for name in names}

    def judge(self, probe: "Probe") -> float:
        """Measure the averaged generator, and remember this step if it is the best so far."""
        distance = probe(self.ema)
        if distance < self.best_distance:
            self.best_distance, self.best_step = distance, self.step
        return distance

    def save(self, run: Path) -> None:
        """Write the checkpoint and what `export` writes, each file completely or not at all."""
        randoms = gather(self.random.get_state())
        if process_rank() == 0:
            checkpoint = {name: part.state_dict() for name, part in self._parts().items()}
            checkpoint |= {name: getattr(self, name) for name in COUNTERS}
            checkpoint |= {"random": randoms, "digests": self.digests, "features": self.features}
            save_checkpoint(run, checkpoint)
            self.export(run)
        wait_for_all()

    def export(self, run: Path) -> None:
        """Write the averaged generator and its faces of the fixed latents; keep the checkpoint if it is the best."""
        if process_rank() == 0:
            if self.best_step == self.step:
                keep_best(run)
            save_network(self.ema, run / GENERATOR)
            write_atomically(run / f"fakes-{self.step:06d}.png", lambda path: save_png(self.sample(), path))

    def load(self, run: Path) -> None:
        """Restore what `save` wrote.

        Raises:
            RunError: the checkpoint cannot be read, or is not one of these networks.
        """
        checkpoint = load_checkpoint(run)
        try:
            for name, part in self._parts().items():
                if isinstance(part, torch.optim.Optimizer):
                    _adapt(checkpoint[name], part)
                part.load_state_dict(checkpoint[name])
            self.replays.clear()  # the optimisers' state is now elsewhere
            if len(checkpoint["random"]) != process_count():
                raise ValueError(f"it is one of {len(checkpoint['random'])} processes, not of {process_count()}")
            changed = [path for path, digest in self.digests.items() if checkpoint["digests"][path] != digest]
            if changed:
                raise ValueError(f"{changed[0]} is not what it was then")
            self._set_random(checkpoint["random"][process_rank()], checkpoint["step"])
            for name in COUNTERS:
                setattr(self, name, checkpoint[name])
        except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
            raise RunError(f"{run / CHECKPOINT} is not a checkpoint of these networks: {first_line(error)}") from error

    def _set_random(self, saved: Tensor, step: int) -> None:
        """Draw on as where the checkpoint was saved; on another kind of device other numbers."""
        if len(saved) == len(self.random.get_state()):
            self.random.set_state(saved)
        else:
            self.random.manual_seed(self.random.initial_seed() + step)

    def start_from(self, source: str) -> list[str]:
        """Take over the networks of another run, or of an editor's weights; where edits are to be trained and were not,
        find first directions.

        Returns:
            The parts of the discriminator that stay new: an editor has none, another run perhaps others, or of other
            shapes, or one that sees through other networks.

        Raises:
            ValueError: they cannot be read, or are not these networks.
        """
        networks = _networks_to_start_with(source, self.generator.width)
        try:
            taught = len(networks["ema"].get("directions", ())) > 0
            own = {} if taught and self.edits else {"directions": self.ema.directions}
            self.generator.load_state_dict(networks["generator"] | own)
            self.ema.load_state_dict(networks["ema"] | own)
            new_parts = [name for name in self.discriminator if not self._take_over(name, networks)]
        except (KeyError, RuntimeError) as error:
            raise RunError(f"{source} does not hold these networks: {first_line(error)}") from error
        if taught and not self.edits and process_rank() == 0:
            tqdm.write(f"{source} was taught edits, which a training without --classifiers forgets")
        if self.edits and not taught:
            directions = self.edits.first_directions(self.ema)
            for network in (self.generator, self.ema):
                network.directions.data.copy_(directions)
        return new_parts

    def _take_over(self, name: str, networks: Mapping[str, Any]) -> bool:
        """Load a part of the discriminator, if there is one of the same shapes that sees through the same networks."""
        part, prefix = self.discriminator[name], f"{name}."
        given = {
            key.removeprefix(prefix): tensor
            for key, tensor in networks.get("discriminator", {}).items()
            if key.startswith(prefix)
        }
        own = part.state_dict()
        fits = bool(given) and all(given[key].shape == own[key].shape for key in given.keys() & own.keys())
        fits = fits and (name != "features" or networks["features"] == self.features)
        if fits:
            part.load_state_dict(given)
        return fits

    def is_finite(self) -> bool:
        """Whether no weight has become NaN or infinite."""
        networks = (self.generator, self.discriminator)
        return all(bool(tensor.isfinite().all()) for network in networks for tensor in network.state_dict().values())

    def roll_back(self, run: Path) -> str:
        """Go back to the last checkpoint and halve the learning rates; returns what to tell.

        Raises:
            FloatingPointError: `MAX_ROLLBACKS` have not helped.
        """
        lost, rollbacks = self.step, self.rollbacks + 1
        if rollbacks > MAX_ROLLBACKS:
            raise FloatingPointError(
                f"a loss or a weight is not finite after step {lost}, and {MAX_ROLLBACKS} rollbacks with lower rates "
                f"did not help; {run / CHECKPOINT} is intact"
            )
        self.load(run)
        self.rollbacks = rollbacks
        for _ in range(rollbacks):  # so that other numbers are drawn; CUDA counts draws, not the numbers in them
            torch.rand(1, generator=self.random, device=self.random.device)
        return (
            f"a loss or a weight is not finite after step {lost}: back to step {self.step}, "
            f"learning rates divided by {2**rollbacks} (rollback {rollbacks} of {MAX_ROLLBACKS})"
        )

    @torch.no_grad()
    def sample(self) -> Any:
        """The averaged generator's faces of the fixed latents, as one picture."""
        return grid(self.ema(self.fixed_z), GRID_SIDE)


class Probe:
    """Tells how a training goes on: Frechet distance between generated and training faces, always the same ones.

    Its features are those of an untrained network. It compares ticks with each other: to compare generators, see
    benchmarks/quality.py.

    Args:
        images: (N, 3, 64, 64) uint8 real faces; 1,000 of them are used.
    """

    COUNT = 1000

    def __init__(self, images: Tensor) -> None:
        self.features = RandomFeatures(seed=0).to(images.device)
        rng = torch.Generator().manual_seed(0)
        self.z = (torch.rand(self.COUNT, Z_DIM, generator=rng) * 2 - 1).to(images.device)
        chosen = torch.randperm(len(images), generator=rng)[: self.COUNT].to(images.device)
        self.real_features = self.features(to_unit(images[chosen]))

    @torch.no_grad()
    def __call__(self, generator: nn.Module) -> float:
        """The distance for a generator in evaluation mode."""
        fakes = [self.features(generator(z)) for z in self.z.split(BATCH)]
        return frechet_distance(self.real_features.cpu(), torch.cat(fakes).cpu())


def train_step(state: TrainState, images: Tensor, config: TrainConfig, dtype: torch.dtype | None) -> Tensor:
    """Train the discriminator by one step and, once `lead_kimg` are over, the generator; returns `LOSSES` (5,)."""
    is_led = state.step * config.batch_size < config.lead_kimg * 1000

    # Set what varies: the rates, full, then falling in a line to 0, halved by each rollback; the pace of the average.
    factor = lr_factor(state.step, config) / 2**state.rollbacks
    set_lr(state.g_optimizer, config.g_lr * factor)
    set_lr(state.d_optimizer, config.d_lr * factor)
    state.step += 1
    state.ema_weight.fill_(1 - ema_decay(state.step, config))

    if not is_led:
        state.replays.pop(True, None)  # the discriminator leads no more

    def step() -> Tensor:
        return _step(state, images, config, dtype, is_led=is_led)

    return step() if process_count() > 1 else state.replays.setdefault(is_led, Replay(state.random))(step)


def _step(state: TrainState, images: Tensor, config: TrainConfig, dtype: torch.dtype | None, *, is_led: bool) -> Tensor:
    """What a step does on the device, the same each time; returns the means of `LOSSES`."""
    G, rng, edits = state.generator, state.random, state.edits
    device, count = images.device, config.batch_size // process_count()
    autocast = autocast_to(device, dtype)

    # Draw a batch of real faces, half of them mirrored, and a batch of latents, half of them edits of the others.
    index = torch.randint(len(images), (count,), generator=rng, device=device)
    real = mirror(to_unit(images[index]), rng).contiguous(memory_format=torch.channels_last)
    z = torch.rand(count // 2 if edits else count, G.z_dim, generator=rng, device=device) * 2 - 1
    moved = z.new_empty(0)
    if edits:
        z, moved = edits.pair(z, G.directions, rng)
    with torch.set_grad_enabled(not is_led), autocast:
        fake = G(z).float()

    d_loss, real_logits, fake_logits = _train_discriminator(state, real, fake.detach(), config, autocast)
    g_loss = edit_loss = torch.zeros((), device=device)
    if not is_led:
        g_loss, edit_loss = _train_generator(state, real, fake, config, autocast, moved=moved)

    average_(buffer for buffer in G.buffers() if buffer.is_floating_point())  # batch-norm statistics
    if not is_led:
        ema_update(state.ema, G, state.ema_weight)
    return torch.stack([d_loss, g_loss, real_logits.mean(), fake_logits.mean(), edit_loss]).detach()


def _train_discriminator(
    state: TrainState, real: Tensor, fake: Tensor, config: TrainConfig, autocast: torch.autocast
) -> tuple[Tensor, Tensor, Tensor]:
    """Train the discriminator by itself, on fakes that carry no gradient; returns its loss and its logits (N, ...)."""
    D, rng = state.discriminator, state.random
    D.requires_grad_(True)
    real, fake = shift(torch.cat([real, fake]), config.max_shift, rng).chunk(2)
    with autocast:
        d_loss, real_logits, fake_logits = state.adversary.d_loss(real, fake, rng)
    state.d_optimizer.zero_grad(set_to_none=True)
    d_loss.backward()
    average_(gradients(D))
    state.d_optimizer.step()
    return d_loss, real_logits, fake_logits


def _train_generator(
    state: TrainState, real: Tensor, fake: Tensor, config: TrainConfig, autocast: torch.autocast, *, moved: Tensor
) -> tuple[Tensor, Tensor]:
    """Train the generator through the discriminator, which is frozen; returns its loss and that of the edits."""
    D, G, rng, edits = state.discriminator, state.generator, state.random, state.edits
    D.requires_grad_(False)
    with autocast:
        g_loss = state.adversary.g_loss(shift(real, config.max_shift, rng), shift(fake, config.max_shift, rng), rng)
        edit_loss, pixel_loss = edits(fake, moved, rng) if edits else fake.new_zeros(2)
    state.g_optimizer.zero_grad(set_to_none=True)
    (g_loss + config.edit_weight * edit_loss + config.pixel_weight * pixel_loss).backward()
    average_(gradients(G))
    state.g_optimizer.step()
    return g_loss, edit_loss


def gradients(model: nn.Module) -> list[Tensor]:
    return [parameter.grad for parameter in model.parameters() if parameter.grad is not None]


def lr_factor(step: int, config: TrainConfig) -> float:
    """What the learning rates are multiplied by: 1, and over the last `cooldown` of the training down to 0."""
    left = config.step_count - step
    return min(1.0, left / max(1.0, config.cooldown * config.step_count))


def ema_decay(step: int, config: TrainConfig) -> float:
    """Decay for one step; the half-life of a new generator's average grows with the training up to `ema_kimg`."""
    half_life = config.ema_kimg * 1000
    if not config.start:
        half_life = min(half_life, 0.05 * step * config.batch_size)
    return float(0.5 ** (config.batch_size / half_life))


def adam(network: nn.Module, lr: float, betas: tuple[float, float]) -> torch.optim.Adam:
    """Adam for a network, as one kernel; on a CUDA device it reads its learning rate there."""
    parameters = list(network.parameters())
    device = parameters[0].device
    on_cuda = device.type == "cuda"
    given_lr = torch.tensor(lr, device=device) if on_cuda else lr
    return torch.optim.Adam(parameters, given_lr, betas, fused=True, capturable=on_cuda)


def _adapt(saved: dict[str, Any], optimizer: torch.optim.Optimizer) -> None:
    """Give an optimiser's saved state what depends on the device, which may be another now."""
    for group, own in zip(saved["param_groups"], optimizer.param_groups, strict=True):
        group |= {name: own[name] for name in ("lr", "fused", "capturable")}


def set_lr(optimizer: torch.optim.Optimizer, lr: float) -> None:
    for group in optimizer.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(lr)
        else:
            group["lr"] = lr


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


def _networks_to_start_with(source: str, width: int) -> dict[str, Any]:
    """States of the generator, its average and the discriminator of a run; an editor's weights lack the last.

    Raises:
        ValueError: the source is neither, or cannot be read; its generator has another width.
    """
    networks = load_checkpoint(Path(source)) if holds_run(Path(source)) else _networks_of_editor(source)
    try:
        found = Generator.of_state(networks["generator"]).width
    except (KeyError, RuntimeError, ValueError) as error:
        raise RunError(f"{source} does not hold these networks: {first_line(error)}") from error
    if found != width:
        raise RunError(f"{source} has a generator of g_width {found}, the options say {width}")
    return networks


def _networks_of_editor(source: str) -> dict[str, Any]:
    editor = Editor.from_pretrained(source)
    missing = missing_sliders(editor.attributes)
    if missing:
        raise ValueError(f"{source} cannot be gone on from: it has no attribute {missing[0]}")
    rows = [editor.attributes.index(name) for name in SLIDERS]
    generator = editor.generator.state_dict() | {"directions": editor.generator.directions[rows]}
    return {"generator": generator, "ema": generator}


def _guides(config: TrainConfig, device: torch.device | str = "cpu") -> Guides:
    return load_guides(
        classifiers=config.classifiers, identity=config.identity, features=config.features, device=device
    )


def _edit_loss(guides: Guides, images: Tensor) -> EditLoss | None:
    """What trains edits, if any are to be trained."""
    if not guides.classifiers:
        return None
    return EditLoss(guides.classifiers, guides.attributes, images[: EditLoss.REAL_FACES], guides.identity)


def _adversary(config: TrainConfig, guides: Guides) -> Adversary:
    """The adversary that the options ask for, its discriminator new."""
    if not guides.features:
        return _of_pixels(config)
    projected = ProjectedAdversary(guides.features)
    return JointAdversary(projected, _of_pixels(config), config.texture_weight) if config.texture_weight else projected


def _of_pixels(config: TrainConfig) -> RelativisticAdversary:
    discriminator = Discriminator(config.d_width, config.d_kernel)
    return RelativisticAdversary(discriminator, config.gamma, math.ceil(config.penalty_batch / process_count()))


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
