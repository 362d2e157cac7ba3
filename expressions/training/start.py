"""training.start."""

from pathlib import Path
from typing import Any

from ..attributes import SLIDERS, missing_sliders
from ..editor import Editor
from ..errors import first_line
from ..files import RunError
from ..networks.generator import Generator
from .run_folder import holds_run, load_checkpoint


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
