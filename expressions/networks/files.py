"""Networks in files: safetensors, so that reading one executes nothing."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor, nn

from ..files import write_atomically

# What every file of weights says of itself, in the words of a model card on the Hub: they learnt from CelebA.
LICENCE_NAME = "celeba-non-commercial"
LICENCE_LINK = "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html"
_LICENCE = {"license": LICENCE_NAME, "license_link": LICENCE_LINK}


def save_network(network: nn.Module, path: Path, metadata: dict[str, str] | None = None) -> None:
    """Write a network's state. Whoever may read other files may read it: the library's own writer locks others out.

    Raises:
        OSError: as for `write_atomically`.
    """
    state = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    write_atomically(path, lambda temporary: temporary.write_bytes(to_bytes(state, metadata)))


def to_bytes(tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> bytes:
    """A safetensors file with the licence of the weights in its metadata: the same for the same tensors."""
    return _in_order(tensors, {**_LICENCE, **(metadata or {})})


def digest(path: Path) -> str:
    """The SHA-256 of a file of weights as it would be without the licence, which changes nothing of a network.

    Raises:
        OSError, SafetensorError: as for `read_tensors`.
    """
    tensors, metadata = read_tensors(path)
    others = {name: text for name, text in metadata.items() if name not in _LICENCE}
    return hashlib.sha256(_in_order(tensors, others)).hexdigest()


def _in_order(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> bytes:
    """A safetensors file whose metadata are sorted: the library writes them in an order of chance."""
    written = save(dict(tensors), dict(metadata) or None)
    size = 8 + int.from_bytes(written[:8], "little")
    header = json.loads(written[8:size])
    if metadata:
        header["__metadata__"] = dict(sorted(metadata.items()))
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # the tensors begin at a multiple of 8
    return len(text).to_bytes(8, "little") + text + written[size:]


def stored(network: nn.Module) -> dict[str, Tensor]:
    """The state as published weights hold it."""
    return halved(network.state_dict())


def halved(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Kernels in half precision, matrices and vectors as they are."""
    return {
        name: (tensor.half() if tensor.is_floating_point() and tensor.dim() > 2 else tensor).contiguous()
        for name, tensor in tensors.items()
    }


def fingerprint(network: nn.Module) -> str:
    """The SHA-256 of all tensors of a network and their names, in hexadecimal digits."""
    sha = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        sha.update(name.encode() + tensor.cpu().contiguous().numpy().tobytes())
    return sha.hexdigest()


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read the tensors of a file and its metadata.

    Raises:
        OSError, SafetensorError: the file is missing, locked, truncated or damaged.
    """
    with safe_open(path, framework="pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118


def load_tensors(network: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Fill in every tensor of a network.

    Raises:
        ValueError: naming the first tensor that is missing, misshapen, not finite or unknown.
    """
    expected = network.state_dict()
    for name, tensor in expected.items():
        if name not in tensors:
            raise ValueError(f"no tensor {name}")
        if tensors[name].shape != tensor.shape:
            found = tuple(tensors[name].shape)
            raise ValueError(f"tensor {name} must have shape {tuple(tensor.shape)}, got {found}")
        if not tensors[name].isfinite().all():
            raise ValueError(f"tensor {name} holds numbers that are not finite")
    unknown = sorted(tensors.keys() - expected.keys())
    if unknown:
        raise ValueError(f"unknown tensor {unknown[0]}")
    network.load_state_dict(tensors, strict=True)
