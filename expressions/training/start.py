"""The start of a training with networks that were trained before."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor
from tqdm.auto import tqdm

from ..attributes import SLIDERS, missing_sliders
from ..editor import Editor
from ..errors import first_line
from ..networks.generator import Generator
from .adversaries import MOMENTS
from .config import TrainConfig
from .distributed import process_rank
from .run_folder import RunError, holds_run, load_checkpoint
from .state import TrainState


def start_from(source: str, state: TrainState, config: TrainConfig) -> bool:
    """Take over the networks of another run, or of an editor's weights, and tell what stays new or is forgotten.

    Args:
        source: the run's folder, or the folder or Hub id of the weights; these have no discriminator.
        state: gets the generator, its average, and the parts of the discriminator that judge the same way.

    Returns:
        Whether first directions are to be found: edits are to be trained, and the source was not taught any.

    Raises:
        ValueError: the source cannot be read, holds other networks, or a generator of another width.
    """
    if holds_run(Path(source)):
        networks = load_checkpoint(Path(source))
    else:
        networks = dict.fromkeys(("generator", "ema"), taught_generator(Editor.from_pretrained(source), source))
    edits = bool(config.classifiers)
    try:
        found = Generator.of_state(networks["generator"])
        if found.width != config.g_width:
            raise ValueError(f"its generator has g_width {found.width}, the options say {config.g_width}")
        is_taught = len(found.directions) > 0
        own = {} if is_taught and edits else {"directions": state.ema.directions}
        state.generator.load_state_dict(networks["generator"] | own)
        state.ema.load_state_dict(networks["ema"] | own)
        new_parts = [name for name in state.discriminator if not _take_over(name, state, networks)]
    except (KeyError, RuntimeError, ValueError) as error:
        raise RunError(f"{source} does not hold these networks: {first_line(error)}") from error

    if new_parts and process_rank() == 0:
        advice = "" if config.lead_kimg else " (--lead-kimg lets it learn first)"
        which = " and of ".join(new_parts)
        tqdm.write(f"the discriminator of {which} is new: {source} has none of this kind{advice}")
    if is_taught and not edits and process_rank() == 0:
        tqdm.write(f"{source} was taught edits, which a training without --classifiers forgets")
    return edits and not is_taught


def taught_generator(editor: Editor, source: str) -> dict[str, Tensor]:
    """The state of an editor's generator as its training left it: with the directions of `SLIDERS` alone.

    Raises:
        ValueError: the editor, read from `source`, has no such attribute.
    """
    missing = missing_sliders(editor.attributes)
    if missing:
        raise ValueError(f"{source} cannot be gone on from: it has no attribute {missing[0]}")
    rows = [editor.attributes.index(name) for name in SLIDERS]
    return editor.generator.state_dict() | {"directions": editor.generator.directions[rows]}


def _take_over(name: str, state: TrainState, networks: Mapping[str, Any]) -> bool:
    """Load a part of the discriminator, if there is one of the same shapes that sees through the same networks."""
    part, prefix = state.discriminator[name], f"{name}."
    saved = networks.get("discriminator", {})
    given = {key.removeprefix(prefix): tensor for key, tensor in saved.items() if key.startswith(prefix)}
    own = part.state_dict()
    fits = bool(given) and all(given[key].shape == own[key].shape for key in given.keys() & own.keys())
    seen_through = name.removesuffix(MOMENTS)
    fits = fits and networks.get("versions", {}).get(seen_through) == state.guides.versions.get(seen_through)
    if fits:
        part.load_state_dict(given)
    return fits
