"""The editor: a generator, a model of its attributes, and the calibrated directions between them."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from huggingface_hub import PyTorchModelHubMixin, constants
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.special import ndtri
from tqdm.auto import tqdm

from .classifier import AttributeClassifier
from .hub import WeightsError, fetch_files, first_line, load_tensors, read_config
from .images import to_pil
from .model import IMAGE_SIZE, Z_DIM, Generator
from .options import check, option
from .skin import individual_typology_angle

SKIN_TONE = "Skin_Tone"
MAX_SEED = 2**32 - 1
MAX_SIZE = 4096  # side of a rendered picture
EMBEDDED_WEIGHTS = Path(__file__).parent / "weights"

_MAX_STEPS = 12  # of an edit: each measures the picture and moves by what is still missing
_MAX_STEP = 1.5  # length of one step in u, beyond which the gradients no longer hold
_MAX_DISTANCE = 6.0  # how far an edit may take u; random faces lie 14 apart
_HELD = ("Male", "Young", SKIN_TONE)  # what an edit holds in the picture itself, unless it is named
_HELD_WEIGHT = 0.1  # of a point by which one of them moves, beside a point that a target is missed by
_TOLERANCE = 0.5  # a face whose values are this close to the targets has arrived


class Editor(
    nn.Module,
    PyTorchModelHubMixin,
    library_name="expressions",
    license="other",
    pipeline_tag="unconditional-image-generation",
    tags=["dcgan", "celeba", "faces", "image-editing"],
):
    """A face generator whose attributes are measured on an absolute scale and edited along learned directions.

    An attribute's value is 0 at the 1st percentile of its score over random faces, 100 at the 99th, linear
    between and clipped outside. Scores are the classifier's logits; `Skin_Tone` is the individual
    typology angle of the cheeks, so 100 is light skin.

    Edits happen in u = Phi^-1((z + 1) / 2), which is standard normal where z is uniform: there is no edge
    of the cube to run into. A step is the one that closes the gap to the targets at the least cost
    |du|^2 + |W du|^2 / ridge, where W is the joint regression of all scores on u: what moves the other
    attributes costs more. Were the scores linear, it would be a step along the ridge dual basis of W.
    `Male`, `Young` and `Skin_Tone` are held in the picture itself: each step also closes, with a small
    weight, what they have moved by.

    Args:
        attributes: what the classifier scores, in its order; `Skin_Tone` comes after them.
    """

    mobility: Tensor
    low: Tensor
    high: Tensor

    def __init__(self, attributes: Sequence[str]) -> None:
        super().__init__()
        self.attributes: tuple[str, ...] = (*attributes, SKIN_TONE)
        count = len(self.attributes)
        self.generator = Generator()
        self.classifier = AttributeClassifier(len(attributes))
        self.register_buffer("mobility", torch.eye(Z_DIM))  # inverse of what a step in u costs
        self.register_buffer("low", torch.zeros(count))  # score of value 0
        self.register_buffer("high", torch.ones(count))  # score of value 100
        self.eval().requires_grad_(False)

    # The public interface ---------------------------------------------------------------------------

    def latents(self, seeds: Sequence[int] | int) -> Tensor:
        """Draw the latents of seeds: the same seed gives the same latent, bit for bit, on every platform.

        Args:
            seeds: one or more whole numbers from 0 to 4294967295.

        Returns:
            (N, 100) float32, uniform in (-1, 1).

        Raises:
            ValueError: a seed is not a whole number of that range.
        """
        several = isinstance(seeds, Iterable) and not isinstance(seeds, str | bytes | Mapping)
        rows = [_latent(_checked_seed(seed)) for seed in (seeds if several else [seeds])]  # type: ignore[union-attr]
        return torch.from_numpy(np.stack(rows)) if rows else torch.empty(0, Z_DIM)

    @torch.no_grad()
    def synthesize(self, z: Tensor) -> Tensor:
        """Draw the faces of latents: z (N, 100) in [-1, 1] -> images (N, 3, 64, 64) float32 in [-1, 1].

        Raises:
            ValueError: z has another shape, or numbers outside [-1, 1].
        """
        images: Tensor = self.generator(_checked_latents(z).to(self.low))
        return images

    def measure(self, images: Tensor) -> Tensor:
        """Measure every attribute: images (N, 3, 64, 64) in [-1, 1] -> values (N, K) from 0 to 100.

        Raises:
            ValueError: images have another shape, or numbers outside [-1, 1].
        """
        return self.values(self.scores(images)).clamp(0, 100)

    @torch.no_grad()
    def edit(self, z: Tensor, targets: Mapping[str, float]) -> Tensor:
        """Move latents until their faces show the asked values.

        Always starts from the latents given, so the order of targets does not matter. Every attribute that
        is not named is held as far as the learned directions can. A face that cannot reach its targets
        comes back as close to them as was found.

        Args:
            z: (N, 100) in [-1, 1].
            targets: value from 0 to 100 for each attribute to change. None: z comes back bit for bit.

        Returns:
            (N, 100) float32 in (-1, 1).

        Raises:
            ValueError: an attribute is unknown, a target is not a number from 0 to 100, or z is malformed.
        """
        index, values = self._checked_targets(targets)
        z = _checked_latents(z).to(self.low)
        if not index or not len(z):
            return z.clone()
        wanted = self.low.new_tensor(values)
        # One face at a time: the steps would enlarge the rounding by which a batch differs from its parts.
        return _to_uniform(torch.cat([self._approach(u, index, wanted) for u in _to_normal(z).split(1)]))

    def _approach(self, u_start: Tensor, index: list[int], wanted: Tensor) -> Tensor:
        """Move u_start (1, 100) until the values of the columns `index` are those wanted (T,).

        The values of the attributes to hold are wanted too, as they are at the start, with a small weight.
        """
        names = [name for name in _HELD if name in self.attributes]
        held = [column for column in map(self.attributes.index, names) if column not in index]
        weight = wanted.new_tensor([1.0] * len(index) + [_HELD_WEIGHT] * len(held))
        start = self.values(self.scores(self.synthesize(_to_uniform(u_start))))[:, held]
        goal = torch.cat([wanted, start[0]])
        u = best = u_start
        best_error = math.inf
        for _ in range(_MAX_STEPS + 1):
            values, gradients = self._values_and_gradients(u, index + held)
            missing = goal - values
            error = missing[0, : len(index)].abs().max().item()
            if error < best_error:
                best, best_error = u, error
            if error < _TOLERANCE:
                break
            step = cheapest_step(gradients * weight[:, None], missing * weight, self.mobility)
            u = u_start + _limit_norm(u + _limit_norm(step, _MAX_STEP) - u_start, _MAX_DISTANCE)
        return best

    def _values_and_gradients(self, u: Tensor, index: list[int]) -> tuple[Tensor, Tensor]:
        """Unclipped values (N, T) of the columns `index`, and their gradients (N, T, 100) in u."""
        with torch.inference_mode(False), torch.enable_grad():
            u = u.clone().requires_grad_()
            values = self.values(self._scores(self.generator(_to_uniform(u))))[:, index]
            rows = [torch.autograd.grad(column.sum(), u, retain_graph=True)[0] for column in values.unbind(1)]
        return values.detach(), torch.stack(rows, 1)

    def render(self, seed: int, targets: Mapping[str, float] | None = None, size: int = 64) -> Image.Image:
        """Draw one face as a picture.

        Args:
            seed: a whole number from 0 to 4294967295.
            targets: as for `edit`.
            size: side of the picture in pixels; the 64x64 face is enlarged smoothly.

        Raises:
            ValueError: as for `latents` and `edit`, or a size that is not a whole number from 1 to 4096.
        """
        if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= MAX_SIZE:
            raise ValueError(f"size must be a whole number from 1 to {MAX_SIZE}, got {size!r}")
        _checked_seed(seed)
        picture = to_pil(self.synthesize(self.edit(self.latents(seed), {} if targets is None else targets))[0])
        return picture if size == picture.width else picture.resize((size, size), Image.Resampling.LANCZOS)

    # Scores -----------------------------------------------------------------------------------------

    @torch.no_grad()
    def scores(self, images: Tensor) -> Tensor:
        """Score images (N, 3, 64, 64) in [-1, 1] -> (N, K): logits, and degrees for `Skin_Tone`.

        Raises:
            ValueError: images have another shape, or numbers outside [-1, 1].
        """
        return self._scores(_checked_images(images).to(self.low))

    def _scores(self, images: Tensor) -> Tensor:
        return torch.cat([self.classifier(images), individual_typology_angle(images)[:, None]], dim=1)

    def values(self, scores: Tensor) -> Tensor:
        """Put scores (..., K) on the 0-100 scale, without clipping."""
        return (scores - self.low) / (self.high - self.low) * 100

    def _checked_targets(self, targets: Mapping[str, float]) -> tuple[list[int], list[float]]:
        """The columns asked for, in the editor's order, and their values."""
        if not isinstance(targets, Mapping):
            raise ValueError(f"targets must be values by name, such as {{'Smiling': 90}}, got {type(targets).__name__}")
        unknown = [name for name in targets if name not in self.attributes]
        if unknown:
            raise ValueError(f"targets: unknown attribute {unknown[0]!r}; choose from {', '.join(self.attributes)}")
        for name, value in targets.items():
            if isinstance(value, bool) or not isinstance(value, Real) or not 0 <= value <= 100:  # NaN fails too
                raise ValueError(f"targets[{name!r}] must be a number from 0 to 100, got {value!r}")
        index = [column for column, name in enumerate(self.attributes) if name in targets]
        return index, [float(targets[self.attributes[column]]) for column in index]

    # Loading and saving -----------------------------------------------------------------------------

    @classmethod
    def from_pretrained(  # type: ignore[override]
        cls, source: str | Path | None = None, *, revision: str | None = None, **options: Any
    ) -> Self:
        """Load an editor; every tensor must be there, in its shape.

        Args:
            source: a local folder, a Hub id of the form owner/name, or None for the embedded weights.
            revision: commit, tag or branch of a Hub repository.
            options: `token`, `cache_dir`, `local_files_only`, `force_download` of the Hub client.

        Raises:
            WeightsError: there is no such folder or repository, it cannot be reached, or its files are
                incomplete or do not fit.
        """
        name = str(EMBEDDED_WEIGHTS if source is None else source)
        try:
            files = fetch_files(name, revision, options)
            editor = cls(**read_config(files[constants.CONFIG_NAME]))
            load_tensors(editor, files[constants.SAFETENSORS_SINGLE_FILE])
            if not (editor.low < editor.high).all():
                raise WeightsError("a value's low end is not below its high end")
        except Exception as error:
            where = repr(name) if revision is None else f"{name!r} at revision {revision!r}"
            raise WeightsError(f"cannot load weights from {where}: {first_line(error)}") from error
        return editor

    def _save_pretrained(self, save_directory: Path) -> None:
        """Write the weights; convolutions in half precision, to which the fit rounded them."""
        tensors = {name: _stored(tensor).contiguous() for name, tensor in self.state_dict().items()}
        save_file(tensors, save_directory / constants.SAFETENSORS_SINGLE_FILE, metadata={"format": "pt"})


# Fitting ------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class EditorConfig:
    """Every option of the editor's fit."""

    generator: str = option("runs/gan/generator.safetensors", "the averaged generator of a training run")
    classifier: str = option("runs/classifier/classifier.safetensors", "the attribute classifier")
    out: str = option("runs/editor", "folder for the editor")
    samples: int = option(20000, "random faces to fit on", above=10 * Z_DIM - 1)
    ridge: float = option(1.0, "small: an edit holds the other scores; large: it takes the shortest way", above=0)
    seed: int = option(0, "seed of the random faces", above=-1)

    def __post_init__(self) -> None:
        check(self)


def fit_editor(
    generator: Generator, classifier: AttributeClassifier, attributes: Sequence[str], config: EditorConfig
) -> Editor:
    """Calibrate the scores of random faces and learn which directions move them.

    Standardised scores are regressed on u, all at once: s = W u. The regression decides what an edit's step
    costs: see `mobility`.

    Args:
        generator: draws the faces.
        classifier: scores them, one logit for each of `attributes`.
        attributes: names of the classifier's outputs.
        config: the options.

    Returns:
        The fitted editor, its weights already rounded to the precision in which they are saved.
    """
    editor = Editor(attributes)
    editor.generator.load_state_dict(generator.state_dict())
    editor.classifier.load_state_dict(classifier.state_dict())
    editor.load_state_dict({name: _stored(tensor) for name, tensor in editor.state_dict().items()})

    u = torch.randn(config.samples, Z_DIM, generator=torch.Generator().manual_seed(config.seed))
    batches = tqdm(u.split(250), desc="Scoring random faces")
    scores = torch.cat([editor.scores(editor.synthesize(_to_uniform(batch))) for batch in batches])
    low, high = scores.quantile(scores.new_tensor([0.01, 0.99]), dim=0)
    editor.low.copy_(low)
    editor.high.copy_(high)
    editor.mobility.copy_(mobility(regress(u, scores), config.ridge))
    return editor


def regress(u: Tensor, scores: Tensor) -> Tensor:
    """Least squares of standardised scores on standard normal latents: s = W u.

    Args:
        u: (N, D).
        scores: (N, K).

    Returns:
        W (K, D).
    """
    standardised = (scores - scores.mean(0)) / scores.std(0)
    return torch.linalg.lstsq(u - u.mean(0), standardised).solution.T


def mobility(weights: Tensor, ridge: float) -> Tensor:
    """Inverse of the cost I + W^T W / ridge of a step in u: 1 where no regressed score changes, small where many do.

    mobility @ W^T is, up to the length of its columns, the ridge dual basis W^T (W W^T + ridge I)^-1.

    Args:
        weights: W (K, D), of standardised scores.
        ridge: variance of the score, in standard deviations squared, that costs as much as a step of length 1.

    Returns:
        (D, D), symmetric, eigenvalues in (0, 1].
    """
    return torch.linalg.inv(torch.eye(weights.shape[1]) + weights.T @ weights / ridge)


def cheapest_step(gradients: Tensor, missing: Tensor, mobility: Tensor) -> Tensor:
    """The step that changes linear values as asked at the least cost: M G^T (G M G^T)^-1 missing.

    One hundredth of the mean diagonal damps the inverse, so that targets that contradict each other here
    share the step instead of blowing it up (Levenberg 1944).

    Args:
        gradients: G (N, T, D), of the values in u.
        missing: (N, T), by how much to change the values.
        mobility: M (D, D).

    Returns:
        (N, D).
    """
    moves = gradients @ mobility
    gram = moves @ gradients.mT  # (N, T, T)
    damping = gram.diagonal(dim1=1, dim2=2).mean(1) / 100 + 1e-6
    gram = gram + damping[:, None, None] * torch.eye(gram.shape[1])
    return (torch.linalg.solve(gram, missing[:, :, None]) * moves).sum(1)


# Latents ------------------------------------------------------------------------------------------


def _checked_seed(seed: object) -> int:
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or not 0 <= seed <= MAX_SEED:
        raise ValueError(f"seed must be a whole number from 0 to {MAX_SEED}, got {seed!r}")
    return int(seed)


def _latent(seed: int) -> np.ndarray:
    """(100,) float32: odd multiples of 2^-23, which float32 holds exactly.

    The raw stream of a NumPy bit generator never changes (NEP 19), unlike those of its distributions.
    """
    bits = np.random.PCG64(seed).random_raw(Z_DIM) >> np.uint64(41)  # 23 bits
    return ((2 * bits.astype(np.int64) + 1 - 2**23) / 2**23).astype(np.float32)


def _to_normal(z: Tensor) -> Tensor:
    """u = Phi^-1((z + 1) / 2); the ends of the interval are drawn in by half a step of float32."""
    edge = 1 - 2.0**-24
    return ndtri((z.double().clamp(-edge, edge) + 1) / 2).float()


def _to_uniform(u: Tensor) -> Tensor:
    """z = 2 Phi(u) - 1, in (-1, 1)."""
    edge = 1 - 2.0**-24
    return torch.erf(u.double() / math.sqrt(2)).float().clamp(-edge, edge)


def _limit_norm(vectors: Tensor, longest: float) -> Tensor:
    norms = vectors.norm(dim=1, keepdim=True)
    return vectors * (longest / norms.clamp_min(longest))


def _checked_latents(z: Tensor) -> Tensor:
    return _checked_range(z, "z", (Z_DIM,))


def _checked_images(images: Tensor) -> Tensor:
    return _checked_range(images, "images", (3, IMAGE_SIZE, IMAGE_SIZE))


def _checked_range(tensor: Tensor, name: str, shape: tuple[int, ...]) -> Tensor:
    """Let through a floating-point tensor (N, *shape) of numbers in [-1, 1]."""
    expected = f"a floating-point tensor of shape (N, {', '.join(map(str, shape))})"
    if not isinstance(tensor, Tensor) or not tensor.is_floating_point():
        kind = tensor.dtype if isinstance(tensor, Tensor) else type(tensor).__name__
        raise ValueError(f"{name} must be {expected}, got {kind}")
    if tensor.shape[1:] != shape:
        raise ValueError(f"{name} must be {expected}, got shape {tuple(tensor.shape)}")
    if not (tensor.abs() <= 1).all():  # NaN fails too
        raise ValueError(f"{name} must hold numbers from -1 to 1, got {_first_outside(tensor)}")
    return tensor


def _first_outside(tensor: Tensor) -> float:
    return float(tensor[~(tensor.abs() <= 1)][0])


def _stored(tensor: Tensor) -> Tensor:
    """As it is saved: matrices and kernels in half precision, vectors as they are."""
    return tensor.half() if tensor.is_floating_point() and tensor.dim() > 2 else tensor
