"""Networks that took long to make, kept beside the code: in half precision, each with the recipe that made it."""

import json
from dataclasses import dataclass
from pathlib import Path

from ..files import write_atomically
from ..networks.files import halved, read_tensors, to_bytes
from .options import Options, option, split_paths
from .run_folder import OPTIONS

RECIPE = "recipe.json"
_FIGURES = ("accuracy.json", "distances.json")  # what fits report
_PATHS = ("data", "generator", "student", "teachers", "out")  # options that may be paths


@dataclass(frozen=True, kw_only=True)
class KeepConfig(Options):
    """What to keep, and where."""

    run: str = option("runs/classifier", "folder of a finished fit")
    out: str = option("weights", "folder of what is kept; a network lies in it under the name of its run")


def run_keep(config: KeepConfig) -> str:
    """Keep the network of a finished fit, in half precision, with its options and figures.

    Raises:
        ValueError: the folder holds no finished fit.
    """
    run, kept = Path(config.run), Path(config.out, Path(config.run).name)
    networks = sorted(run.glob("*.safetensors"))
    reports = [run / name for name in _FIGURES if (run / name).exists()]
    if len(networks) != 1 or len(reports) != 1 or not (run / OPTIONS).exists():
        raise ValueError(f"{run} holds no finished fit: it needs one network, its options and its figures")
    options = json.loads((run / OPTIONS).read_text())
    options |= {name: _names(options[name]) for name in _PATHS if name in options}
    recipe = {"network": networks[0].name, "options": options, "figures": json.loads(reports[0].read_text())}
    tensors, metadata = read_tensors(networks[0])
    kept.mkdir(parents=True, exist_ok=True)
    write_atomically(kept / networks[0].name, lambda path: path.write_bytes(to_bytes(halved(tensors), metadata)))
    write_atomically(kept / RECIPE, lambda path: path.write_text(json.dumps(recipe, indent=2) + "\n"))
    return f"kept: {kept}"


def holds_network(folder: Path) -> bool:
    """Whether `run_keep` put a network in a folder.

    Raises:
        ValueError: the recipe cannot be read, or its network is missing.
    """
    recipe = folder / RECIPE
    if not recipe.exists():
        return False
    try:
        network = folder / json.loads(recipe.read_text())["network"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"kept: {recipe} is no recipe of a kept network: {error}") from error
    if not network.is_file():
        raise ValueError(f"kept: {network} is missing")
    return True


def _names(given: str) -> str:
    """Paths by what they are called: where they lie on one machine is of no use on another. A Hub id stays."""
    paths = [Path(path) for path in split_paths(given)]
    return ",".join(path.resolve().name if path.exists() else str(path) for path in paths)
