"""The fit of an editor: the scale of its scores, its directions, and what the values answer to them."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from tqdm.auto import tqdm

from ..attributes import SLIDERS, missing_sliders
from ..editor import Editor
from ..latents import MAX_SEED, Z_DIM, to_uniform
from ..networks.averaging import estimate_statistics
from ..networks.classifier import AttributeClassifier
from ..networks.files import stored
from ..networks.generator import BATCH, Generator
from .config import GeneratorOptions
from .directions import dual_basis, edit_half, regress
from .options import option

_STATISTICS = 10_000  # faces that the generator's batch-norm statistics are estimated on
_TRIED = 250  # faces on which each direction is tried


@dataclass(frozen=True, kw_only=True)
class EditorConfig(GeneratorOptions):
    """Every option of the editor's fit."""

    classifier: str = option("runs/classifier/classifier.safetensors", "the attribute classifier that measures faces")
    out: str = option("runs/editor", "folder for the editor")
    samples: int = option(20000, "random faces to fit on", least=10 * Z_DIM)
    seed: int = option(0, "seed of the random faces", least=0, most=MAX_SEED)


def fit_editor(
    generator: Generator, classifier: AttributeClassifier, attributes: Sequence[str], config: EditorConfig
) -> Editor:
    """Calibrate the scores of random faces, and measure what the directions change.

    The generator's batch-norm statistics are estimated anew, on faces of which half are edits where it was taught any,
    as in its training. What it was not taught a direction for gets a row of the ridge dual basis of all scores.

    Args:
        generator: draws the faces.
        classifier: scores them, one logit for each of `attributes`.
        attributes: names of the classifier's outputs.
        config: the options.

    Returns:
        The fitted editor, its weights already rounded to the precision in which they are saved.

    Raises:
        ValueError: the generator was taught other directions than those of `SLIDERS`, or the classifier does not score
            one of these.
    """
    rng = torch.Generator().manual_seed(config.seed)
    u = torch.randn(config.samples, Z_DIM, generator=rng)
    taught = generator.directions
    half_edited = edit_half(u[:_STATISTICS], taught, rng)
    missing = missing_sliders(attributes)
    if len(taught) and missing:
        raise ValueError(f"classifier does not score {missing[0]}, which the generator was taught to change")
    editor = Editor(attributes, generator.width)
    editor.generator.load_state_dict(generator.state_dict() | {"directions": editor.generator.directions})
    editor.classifier.load_state_dict(classifier.state_dict())
    editor.load_state_dict(stored(editor))

    estimate_statistics(editor.generator, to_uniform(half_edited))
    batches = tqdm(u.split(BATCH), desc="Scoring random faces")
    scores = torch.cat([editor.scores(editor.synthesize(to_uniform(batch))) for batch in batches])
    low, high = scores.quantile(scores.new_tensor([0.01, 0.99]), dim=0)
    editor.low.copy_(low)
    editor.high.copy_(high)
    editor.generator.directions.copy_(dual_basis(regress(u, (scores - scores.mean(0)) / scores.std(0))))
    for name, direction in zip(SLIDERS, taught, strict=False):
        editor.generator.directions[editor.attributes.index(name)] = direction
    editor.response.copy_(_response(editor, u[:_TRIED]))
    return editor


def _response(editor: Editor, u: Tensor) -> Tensor:
    """Mean change of the values by a unit step along each direction, (K, K): values by directions; u (N, 100)."""

    def values(moved: Tensor) -> Tensor:
        return editor.values(editor.scores(editor.synthesize(to_uniform(moved)))).mean(0)

    directions = tqdm(editor.generator.directions, desc="Trying the directions")
    return torch.stack([(values(u + step) - values(u - step)) / 2 for step in directions], 1)
