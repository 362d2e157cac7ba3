"""training.step."""

import torch
from torch import Tensor, nn

from ..images import to_unit
from ..networks.averaging import ema_update
from .augmentation import mirror, shift
from .config import TrainConfig, autocast_to
from .distributed import average_, process_count
from .replay import Replay
from .state import TrainState

LOSSES = ("d_loss", "g_loss", "real_logit", "fake_logit", "edit_loss")


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


def set_lr(optimizer: torch.optim.Optimizer, lr: float) -> None:
    for group in optimizer.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(lr)
        else:
            group["lr"] = lr
