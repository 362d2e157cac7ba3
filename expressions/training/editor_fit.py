"""The fit of an editor: the scale of its scores, its directions, what the values answer to them, and its chooser."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from huggingface_hub import constants
from torch import Tensor
from tqdm.auto import tqdm

from ..attributes import IDENTIFYING, SLIDERS, missing_sliders
from ..editor import Editor
from ..latents import MAX_SEED, Z_DIM, to_uniform
from ..networks.averaging import estimate_statistics
from ..networks.classifier import AttributeClassifier, load_classifier
from ..networks.files import stored
from ..networks.generator import BATCH, Generator, load_generator
from ..networks.lens import Lens, load_lens
from .backbone import LITE2, load_backbone
from .chooser_fit import SIDE, FittedChooser, Grader, corrected, fit_chooser, read_graded
from .config import GeneratorOptions
from .directions import dual_basis, edit_half, regress
from .options import option
from .start import taught_generator

STATISTICS_FACES = 10_000  # on which the generator's batch-norm statistics are estimated
RESPONSE_FACES = 250  # on which each direction is tried


@dataclass(frozen=True, kw_only=True)
class EditorConfig(GeneratorOptions):
    """Every option of the editor's fit."""

    graded: str = option("weights/graded", "folder of faces that a person graded, from which the chooser learns")
    backbone: str = option(LITE2, "network that sees them: this one, or a backbone on the Hub or in a folder")
    classifier: str = option("runs/classifier/classifier.safetensors", "the attribute classifier that measures faces")
    lens: str | None = option(None, "a lens that is to enlarge faces; without one they are enlarged smoothly")
    weights: str | None = option(
        None, "editor (folder or Hub id) whose generator, classifier and lens to take, in place of these three"
    )
    out: str = option("runs/editor", "folder for the editor")
    samples: int = option(20000, "random faces to fit on", least=10 * Z_DIM)
    seed: int = option(0, "seed of the random faces", least=0, most=MAX_SEED)

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("generator", "classifier", "lens"):
            if self.weights and getattr(self, name) != getattr(EditorConfig, name):
                raise ValueError(f"weights take the place of {name}: give one of the two")


def run_editor(config: EditorConfig) -> str:
    """Calibrate the attributes and find the latent directions."""
    out = Path(config.out)
    out.mkdir(parents=True, exist_ok=True)
    generator, classifier, attributes, lens = read_networks(config)
    grader = Grader(load_backbone(config.backbone, SIDE), read_graded(Path(config.graded)))
    editor, fitted = fit_editor(generator, classifier, attributes, grader, config, lens=lens)
    with tempfile.TemporaryDirectory(dir=out) as complete:  # so that what was saved is replaced, not overwritten
        editor.save_pretrained(complete)
        for name in (constants.CONFIG_NAME, constants.SAFETENSORS_SINGLE_FILE):
            (Path(complete) / name).replace(out / name)
    return f"editor: {out}\n{fitted.told()}"


def read_networks(config: EditorConfig) -> tuple[Generator, AttributeClassifier, tuple[str, ...], Lens | None]:
    """Read the generator, the classifier, what it scores, and the lens.

    Raises:
        ValueError: one cannot be read, or `weights` lack an attribute of `SLIDERS`.
    """
    if config.weights:
        editor = Editor.from_pretrained(config.weights)
        generator = Generator.of_state(taught_generator(editor, config.weights)).eval().requires_grad_(False)
        return generator, editor.classifier, editor.attributes[:-1], editor.lens
    classifier, attributes = load_classifier(Path(config.classifier))
    lens = load_lens(Path(config.lens)) if config.lens else None
    return load_generator(Path(config.generator)), classifier, attributes, lens


def fit_editor(
    generator: Generator,
    classifier: AttributeClassifier,
    attributes: Sequence[str],
    grader: Grader,
    config: EditorConfig,
    *,
    lens: Lens | None = None,
) -> tuple[Editor, FittedChooser]:
    """Calibrate the scores of random faces, measure what the directions change, and fit a chooser to the same faces.

    The generator's batch-norm statistics are estimated anew. Half of the faces for that are edits if the generator was
    taught any, as in its training. Taught directions stay; every other attribute gets its row of the ridge dual basis
    of all scores. The weights are rounded first to the precision in which they are saved.

    Raises:
        ValueError: the classifier does not score one of `SLIDERS`, which the generator was taught; or as for
            `edit_half`.
    """
    rng = torch.Generator().manual_seed(config.seed)
    u = torch.randn(config.samples, Z_DIM, generator=rng)
    taught = generator.directions
    half_edited = edit_half(u[:STATISTICS_FACES], taught, rng)
    missing = missing_sliders(attributes)
    if len(taught) and missing:
        raise ValueError(f"classifier does not score {missing[0]}, which the generator was taught to change")

    editor = Editor(attributes, generator.width, chooser=True, lens=lens is not None)
    editor.generator.load_state_dict(generator.state_dict() | {"directions": editor.generator.directions})
    editor.classifier.load_state_dict(classifier.state_dict())
    if editor.lens and lens:
        editor.lens.load_state_dict(lens.state_dict())
    editor.load_state_dict(stored(editor))
    estimate_statistics(editor.generator, to_uniform(half_edited))

    batches = tqdm(u.split(BATCH), desc="Scoring random faces")
    faces = (editor.synthesize(to_uniform(batch)) for batch in batches)
    seen = [(editor.scores(images), grader.grade(images)) for images in faces]
    scores, grades = map(torch.cat, zip(*seen, strict=True))
    low, high = scores.quantile(scores.new_tensor([0.01, 0.99]), dim=0)
    editor.low.copy_(low)
    editor.high.copy_(high)

    directions = editor.generator.directions
    directions.copy_(dual_basis(regress(u, (scores - scores.mean(0)) / scores.std(0))))
    for name, direction in zip(SLIDERS, taught, strict=False):  # none or all were taught
        directions[editor.attributes.index(name)] = direction
    editor.response.copy_(_response(editor, u[:RESPONSE_FACES]))
    who = [editor.attributes.index(name) for name in IDENTIFYING if name in editor.attributes]
    editor.chooser, fitted = fit_chooser(to_uniform(u), corrected(grades, scores[:, who]), config.seed)
    return editor, fitted


def _response(editor: Editor, u: Tensor) -> Tensor:
    """Mean change of the values by a unit step along each direction, (K, K): values by directions; u (N, 100)."""

    def values(moved: Tensor) -> Tensor:
        return editor.values(editor.scores(editor.synthesize(to_uniform(moved)))).mean(0)

    directions = tqdm(editor.generator.directions, desc="Trying the directions")
    return torch.stack([(values(u + step) - values(u - step)) / 2 for step in directions], 1)
