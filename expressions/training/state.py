"""All that changes during a training, and its checkpoint."""

import copy
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..attributes import SLIDERS
from ..errors import first_line
from ..files import write_atomically
from ..images import grid, save_png
from ..networks.files import save_network
from ..networks.generator import Generator
from ..networks.precision import channels_last
from .adversaries import new_adversary
from .config import TrainConfig
from .distributed import gather, process_count, process_rank, wait_for_all
from .guides import Guides
from .replay import Replay
from .run_folder import CHECKPOINT, GENERATOR, RunError, load_checkpoint, save_checkpoint

GRID_SIDE = 8
MAX_ROLLBACKS = 3  # chosen by hand
NO_GUIDES = Guides()


class TrainState:
    """Networks, optimisers, average, random state and step of a training; new ones.

    The generator has a direction for each of `SLIDERS` if edits are to be trained.
    """

    def __init__(self, config: TrainConfig, device: torch.device, guides: Guides = NO_GUIDES) -> None:
        torch.manual_seed(config.seed)
        directions = len(SLIDERS) if config.classifiers else 0
        self.generator = channels_last(Generator(width=config.g_width, directions=directions)).to(device)
        self.adversary = new_adversary(config, guides)
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
        self.faces = ""  # what it learns from; empty in checkpoints from before this was noted
        self.guides = guides
        fixed = torch.Generator().manual_seed(config.seed)
        self.fixed_z = (torch.rand(GRID_SIDE**2, self.generator.z_dim, generator=fixed) * 2 - 1).to(device)

    def parts(self) -> dict[str, Any]:
        """What has a state of its own, by its name in the checkpoint."""
        names = ("generator", "discriminator", "ema", "g_optimizer", "d_optimizer")
        return {name: getattr(self, name) for name in names}

    def save(self, run: Path) -> None:
        """Write the checkpoint and what `export` writes, each file completely or not at all."""
        randoms = gather(self.random.get_state())
        if process_rank() == 0:
            checkpoint = {name: part.state_dict() for name, part in self.parts().items()}
            checkpoint |= {"step": self.step, "rollbacks": self.rollbacks, "random": randoms, "faces": self.faces}
            checkpoint |= {"digests": self.guides.digests, "versions": self.guides.versions}
            save_checkpoint(run, checkpoint)
        self.export(run)
        wait_for_all()

    @torch.no_grad()
    def export(self, run: Path) -> None:
        """Write the averaged generator, and a grid of the faces that it draws from the fixed latents."""
        if process_rank() == 0:
            save_network(self.ema, run / GENERATOR)
            picture = grid(self.ema(self.fixed_z), GRID_SIDE)
            write_atomically(run / f"fakes-{self.step:06d}.png", lambda path: save_png(picture, path))

    def load(self, run: Path) -> None:
        """Restore what `save` wrote.

        Raises:
            RunError: the checkpoint cannot be read, or is not one of these networks, guides and processes.
        """
        checkpoint = load_checkpoint(run)
        try:
            if len(checkpoint["random"]) != process_count():
                raise ValueError(f"it is one of {len(checkpoint['random'])} processes, not of {process_count()}")
            for (path, digest), then in zip(self.guides.digests.items(), checkpoint["digests"].values(), strict=True):
                if digest != then:
                    raise ValueError(f"{path} is not what it was then")
            for name, version in self.guides.versions.items():
                if version != checkpoint["versions"][name]:
                    raise ValueError(f"the {name} that a discriminator sees through is not what it was then")
            for name, part in self.parts().items():
                if isinstance(part, torch.optim.Optimizer):
                    _adapt(checkpoint[name], part)
                part.load_state_dict(checkpoint[name])
            self.step, self.rollbacks = checkpoint["step"], checkpoint["rollbacks"]
            self.faces = checkpoint.get("faces", self.faces)
            self._set_random(checkpoint["random"][process_rank()])
        except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
            raise RunError(f"{run / CHECKPOINT} is not a checkpoint of these networks: {first_line(error)}") from error
        self.replays.clear()  # the optimisers' state is now elsewhere

    def _set_random(self, saved: Tensor) -> None:
        """Draw on as where the checkpoint was saved; on another kind of device other numbers."""
        if len(saved) == len(self.random.get_state()):
            self.random.set_state(saved)
        else:
            self.random.manual_seed(self.random.initial_seed() + self.step)

    def is_finite(self) -> bool:
        """Whether no weight has become NaN or infinite."""
        networks = (self.generator, self.discriminator)
        return all(bool(tensor.isfinite().all()) for network in networks for tensor in network.state_dict().values())

    def roll_back(self, run: Path) -> str:
        """Go back to the last checkpoint and halve the learning rates; returns what to tell.

        Raises:
            FloatingPointError: `MAX_ROLLBACKS` have not helped.
        """
        lost, rollbacks = f"a loss or a weight is not finite after step {self.step}", self.rollbacks + 1
        if rollbacks > MAX_ROLLBACKS:
            raise FloatingPointError(
                f"{lost}, and {MAX_ROLLBACKS} rollbacks with lower rates did not help; {run / CHECKPOINT} is intact"
            )
        self.load(run)
        self.rollbacks = rollbacks
        for _ in range(rollbacks):  # so that other numbers are drawn; CUDA counts draws, not the numbers in them
            torch.rand(1, generator=self.random, device=self.random.device)
        rates = f"learning rates divided by {2**rollbacks} (rollback {rollbacks} of {MAX_ROLLBACKS})"
        return f"{lost}: back to step {self.step}, {rates}"


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
