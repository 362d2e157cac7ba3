"""Adversarial training: its options, its state, its loop."""

import copy
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from ..attributes import SLIDERS
from ..errors import first_line
from ..files import RunError, write_atomically
from ..images import grid, save_png
from ..networks.files import save_network
from ..networks.generator import Generator
from ..networks.layout import channels_last
from .adversaries import _adversary
from .config import TrainConfig
from .distributed import gather, process_count, process_rank, wait_for_all
from .edit_loss import EditLoss
from .guides import Guides
from .metrics import Probe
from .options import split_paths
from .replay import Replay
from .run_folder import CHECKPOINT, GENERATOR, keep_best, load_checkpoint, save_checkpoint
from .start import _networks_to_start_with

GRID_SIDE = 8
MAX_ROLLBACKS = 3
_NO_GUIDES = Guides()
COUNTERS = ("step", "rollbacks", "best_distance", "best_step")  # of a training, in its checkpoint


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
