"""networks.files."""

from pathlib import Path

from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor, nn

from ..errors import first_line
from ..files import RunError, write_atomically
from .generator import Generator
from .layout import channels_last


def stored(network: nn.Module) -> dict[str, Tensor]:
    """The state as it is saved: kernels in half precision, matrices and vectors as they are."""
    return {
        name: (tensor.half() if tensor.is_floating_point() and tensor.dim() > 2 else tensor).contiguous()
        for name, tensor in network.state_dict().items()
    }


# The generator ------------------------------------------------------------------------------------


def load_generator(path: Path) -> Generator:
    """Read the averaged generator that a training run wrote.

    Raises:
        RunError: the file is missing or does not hold this generator.
    """
    try:
        with safe_open(path, framework="pt") as file:
            generator = Generator.of_state({name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118
    except Exception as error:
        raise RunError(f"{path} does not hold a generator: {first_line(error)}") from error
    return channels_last(generator.eval().requires_grad_(False))


# Writing ------------------------------------------------------------------------------------------


def save_network(network: nn.Module, path: Path, metadata: dict[str, str] | None = None) -> None:
    """Write a network's state as safetensors, as readable as other files are: their own writer locks others out.

    Raises:
        RunError: as for `write_atomically`.
    """
    state = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    write_atomically(path, lambda temporary: temporary.write_bytes(save(state, metadata)))
