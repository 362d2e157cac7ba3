"""One step of adversarial training."""

from functools import partial

import torch
from torch import Tensor, nn

from ..images import to_unit
from ..networks.averaging import ema_update
from .augmentation import mirror
from .config import TrainConfig
from .distributed import average_, process_count
from .edit_loss import EditLoss
from .replay import Replay
from .state import TrainState

BALANCE = 1e-3  # of its upsampling grids the generator loses in a step: half in 700 steps; chosen by hand
REFRESH = 20  # steps, after which the adversary is refreshed; chosen by hand
LOSSES = ("d_loss", "g_loss", "edit_loss")


def train_step(state: TrainState, images: Tensor, config: TrainConfig, edits: EditLoss | None = None) -> Tensor:
    """Train the discriminator by one step and, once `lead_kimg` are over, the generator.

    Args:
        state: is changed.
        images: (N, 3, 64, 64) uint8 real faces, on the device of the state.
        edits: their loss, if the generator is taught any.

    Returns:
        (3,), the `LOSSES` of this process's share of the batch.
    """
    is_led = state.step * config.batch_size < config.lead_kimg * 1000

    # Set what varies: the rates, halved by each rollback, and the pace of the average.
    factor = lr_factor(state.step, config) / 2**state.rollbacks
    set_lr(state.g_optimizer, config.g_lr * factor)
    set_lr(state.d_optimizer, config.d_lr * factor)
    state.step += 1
    state.ema_weight.fill_(1 - ema_decay(state.step, config))
    if state.step % REFRESH == 0:
        state.adversary.refresh()

    # Do the rest, which is the same each time: on a GPU, one process alone repeats a recording.
    on_device = partial(_step, state, images, config, edits, is_led=is_led)
    if process_count() > 1:
        return on_device()
    if not is_led:
        state.replays.pop(True, None)  # the discriminator leads no more
    return state.replays.setdefault(is_led, Replay(state.random))(on_device)


def _step(state: TrainState, images: Tensor, config: TrainConfig, edits: EditLoss | None, *, is_led: bool) -> Tensor:
    """Train all networks, or the discriminators alone if they lead; returns `LOSSES` (3,)."""
    G, D, adversary, rng = state.generator, state.discriminator, state.adversary, state.random
    device, count = images.device, config.batch_size // process_count()
    autocast = config.autocast(device)

    # Draw real faces, half of them mirrored: as many as there will be faces that are no edits.
    plain = count // 2 if edits else count
    index = torch.randint(len(images), (plain,), generator=rng, device=device)
    real = mirror(to_unit(images[index]), rng).contiguous(memory_format=torch.channels_last)

    # Generate as many, and an edit of each.
    z = torch.rand(plain, G.z_dim, generator=rng, device=device) * 2 - 1
    z, moved = edits.pair(z, G.directions, rng) if edits else (z, z.new_empty(0))
    with torch.set_grad_enabled(not is_led), autocast:
        fake = G(z).float()

    # See both as the discriminators do. Edits are left out: together they show more of each attribute than faces do.
    with autocast:
        with torch.no_grad():
            real_seen = adversary.see(real)
        with torch.set_grad_enabled(not is_led):
            fake_seen = adversary.see(fake[::2] if edits else fake)

    # Train the discriminators by themselves: what they see of fakes carries no gradient.
    D.requires_grad_(True)
    with autocast:
        d_loss = adversary.d_loss(real_seen, fake_seen)
    _descend(d_loss, D, state.d_optimizer)

    # Train the generator through the discriminators, which are frozen.
    g_loss = edit_loss = change = torch.zeros((), device=device)
    if not is_led:
        D.requires_grad_(False)
        with autocast:
            g_loss = adversary.g_loss(real_seen, fake_seen)
            if edits:
                edit_loss, change = edits(fake, moved, rng)
        loss = g_loss + config.edit_weight * edit_loss + config.change_weight * change
        _descend(loss, G, state.g_optimizer)
        G.balance_(BALANCE)

    # Average over the processes what is counted, such as batch-norm statistics; then the generator over its training.
    average_(buffer for network in (G, D) for buffer in network.buffers() if buffer.is_floating_point())
    if not is_led:
        ema_update(state.ema, G, state.ema_weight)
    return torch.stack([d_loss, g_loss, edit_loss]).detach()


def _descend(loss: Tensor, network: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Change a network's weights along the gradients of its loss, averaged over the processes."""
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    average_([parameter.grad for parameter in network.parameters() if parameter.grad is not None])
    optimizer.step()


def lr_factor(step: int, config: TrainConfig) -> float:
    """What the learning rates are multiplied by: 1, and in the last `cooldown` of the training in a line down to 0."""
    left = config.step_count - step
    return min(1.0, left / max(1.0, config.cooldown * config.step_count))


def ema_decay(step: int, config: TrainConfig) -> float:
    """Decay of the average in one step.

    The half-life of a new generator's average is a twentieth of the images shown so far, and at most `ema_kimg` (the
    ramp of StyleGAN2-ADA, Karras et al. 2020, arXiv:2006.06676, whose code has the same 0.05).
    """
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
