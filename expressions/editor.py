"""The editor: a generator, a model of its attributes, and the calibrated directions between them."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from numbers import Real
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from huggingface_hub import PyTorchModelHubMixin, constants
from PIL import Image
from safetensors.torch import save
from torch import Tensor, nn

from .attributes import IDENTIFYING, SKIN_TONE, free_to_change
from .errors import WeightsError, first_line
from .hub import is_hub_id
from .images import IMAGE_SIZE, to_pil
from .latents import Z_DIM, _checked_seed, _checked_whole, _latent, to_normal, to_uniform
from .networks.classifier import AttributeClassifier
from .networks.files import stored
from .networks.generator import Generator
from .networks.layout import channels_last
from .skin import individual_typology_angle
from .solver import _HELD_SHARE, _SAME, _TOLERANCE, MAX_STEPS, _greatest, _missing, _within_reach, damped_solve
from .weights_files import fetch_files, load_tensors, read_config

MAX_SIZE = 4096  # side of a rendered picture
EMBEDDED_WEIGHTS = Path(__file__).parent / "weights"
EMBEDDED_FIGURES = EMBEDDED_WEIGHTS / "figures.json"  # what benchmarks/figures.py gathered about them


def published_figures(weights: str) -> dict[str, Any]:
    """What was measured of weights, named by their fingerprint: nothing unless they are the embedded ones."""
    figures = json.loads(EMBEDDED_FIGURES.read_text(encoding="utf-8")) if EMBEDDED_FIGURES.exists() else {}
    return figures if figures.get("weights") == weights else {}


class Look(NamedTuple):
    """One face, and what is measured in it."""

    z: Tensor  # (1, 100)
    image: Tensor  # (1, 3, 64, 64) in [-1, 1]
    values: Tensor  # (K,), not clipped to 0-100


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
    of the cube to run into. Each attribute has a direction in u: along those of `SLIDERS` the generator was trained
    to change it and nothing else (see editability.py), the others are fitted to what it draws (see fitting.py). An
    edit is a sum of directions; how far to go along each is solved for in the picture, by Broyden's method, together
    with what takes `Male`, `Young` and `Skin_Tone` back.

    Args:
        attributes: what the classifier scores, in its order; `Skin_Tone` comes after them.
        width: of the generator, 1 to 256.

    Raises:
        ValueError: width is not a whole number of that range.
    """

    response: Tensor
    low: Tensor
    high: Tensor

    def __init__(self, attributes: Sequence[str], width: int = Generator.WIDTH) -> None:
        super().__init__()
        self.attributes: tuple[str, ...] = (*attributes, SKIN_TONE)
        count = len(self.attributes)
        self.generator = Generator(width=width, directions=count)
        self.classifier = AttributeClassifier(len(attributes))
        self.register_buffer("response", torch.eye(count))  # (K, K): values by unit steps along the directions
        self.register_buffer("low", torch.zeros(count))  # score of value 0
        self.register_buffer("high", torch.ones(count))  # score of value 100
        channels_last(self.eval().requires_grad_(False))

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

        Always starts from the latents given, so the order of targets does not matter. A face that cannot reach its
        targets comes back as close to them as was found.

        Args:
            z: (N, 100) in [-1, 1].
            targets: value from 0 to 100 for each attribute to change. Empty: z comes back bit for bit.

        Returns:
            (N, 100) float32 in (-1, 1).

        Raises:
            ValueError: an attribute is unknown, a target is not a number from 0 to 100, or z is malformed.
        """
        targets = self.checked_targets(targets)
        z = _checked_latents(z).to(self.low)
        if not targets or not len(z):
            return z.clone()
        # One face at a time: the steps would enlarge the rounding by which a batch differs from its parts.
        return torch.cat([self.follow(self.look(row), targets).z for row in z.split(1)])

    @torch.no_grad()
    def look(self, z: Tensor) -> Look:
        """Draw one face and measure it: z (1, 100) in [-1, 1].

        Raises:
            ValueError: z has another shape, or numbers outside [-1, 1].
        """
        image = self.synthesize(z)
        if len(image) != 1:
            raise ValueError(f"z must be one latent, of shape (1, {Z_DIM}), got shape {tuple(z.shape)}")
        return Look(z, image, self.values(self._scores(image))[0])

    @torch.no_grad()
    def sketch(self, face: Look, targets: Mapping[str, float]) -> Tensor:
        """Edit one face by the first step of `follow` alone, without looking at the result: it often misses by points.

        Args:
            face: what `look` saw, unedited.
            targets: as for `edit`.

        Returns:
            (1, 100) float32 in (-1, 1).

        Raises:
            ValueError: as for `edit`.
        """
        if not self.checked_targets(targets):
            return face.z.clone()
        columns, goal, share = self._course(face, targets)
        directions, response = self.generator.directions[columns], self.response[columns][:, columns]
        amounts = _within_reach(damped_solve(response, _missing(goal, face.values[columns]) * share), directions)
        return to_uniform(to_normal(face.z.to(self.low)) + amounts @ directions)

    @torch.no_grad()
    def follow(self, face: Look, targets: Mapping[str, float]) -> Look:
        """Edit one face as `edit` does, which begins by looking at it and ends by looking at the result.

        Broyden's method (Broyden 1965): the response of the values to the directions starts as that of the mean face
        and is corrected by what each step did.

        Args:
            face: what `look` saw, unedited.
            targets: as for `edit`.

        Raises:
            ValueError: as for `edit`.
        """
        columns, goal, share = self._course(face, targets)
        directions, response = self.generator.directions[columns], self.response[columns][:, columns].clone()
        u, values = to_normal(face.z.to(self.low)), face.values[columns]
        amounts = torch.zeros_like(goal)
        best, best_error = face, _greatest(_missing(goal, values)[: len(targets)])
        for taken in range(MAX_STEPS):
            if best_error < (_TOLERANCE if taken else _SAME):
                break
            tried = _within_reach(amounts + damped_solve(response, _missing(goal, values) * share), directions)
            step, before, amounts = tried - amounts, values, tried
            seen = self.look(to_uniform(u + tried @ directions))
            values = seen.values[columns]
            error = _greatest(_missing(goal, values)[: len(targets)])
            if error < best_error:
                best, best_error = seen, error
            response += torch.outer(values - before - response @ step, step) / step.square().sum().clamp_min(1e-8)
        return best

    def _course(self, face: Look, targets: Mapping[str, float]) -> tuple[list[int], Tensor, Tensor]:
        """The columns that an edit names, then those it holds in the picture; where each should be, and the share of
        what is missing that a step corrects."""
        targets = self.checked_targets(targets)
        free = free_to_change(targets)
        named = [self.attributes.index(name) for name in targets]
        held = [self.attributes.index(name) for name in IDENTIFYING if name in self.attributes and name not in free]
        goal = torch.cat([self.low.new_tensor(list(targets.values())), face.values[held]])
        return [*named, *held], goal, goal.new_tensor([1.0] * len(named) + [_HELD_SHARE] * len(held))

    @torch.no_grad()
    def reach(self, z: Tensor, name: str) -> Tensor:
        """Find how far an attribute of these very faces can be moved.

        Args:
            z: (N, 100) in [-1, 1].
            name: one of `attributes`.

        Returns:
            (N, 2): the least and the greatest value that `edit` can show.

        Raises:
            ValueError: as for `edit`.
        """
        column = self.attributes.index(self.checked_attribute(name, "name"))
        z = _checked_latents(z).to(self.low)
        faces = [self.look(row) for row in z.split(1)] if len(z) else []
        ends = [[self.follow(face, {name: end}).values[column] for end in (0.0, 100.0)] for face in faces]
        return self.low.new_tensor(ends).reshape(-1, 2).clamp(0, 100)

    def render(self, seed: int, targets: Mapping[str, float] | None = None, size: int = 64) -> Image.Image:
        """Draw one face as a picture.

        Args:
            seed: a whole number from 0 to 4294967295.
            targets: as for `edit`. None: the face as it is.
            size: side of the picture in pixels; the 64x64 face is enlarged smoothly.

        Raises:
            ValueError: as for `latents` and `edit`, or a size that is not a whole number from 1 to 4096.
        """
        size = _checked_whole(size, "size", 1, MAX_SIZE)
        _checked_seed(seed)
        picture = to_pil(self.follow(self.look(self.latents(seed)), {} if targets is None else targets).image[0])
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

    def checked_targets(self, targets: Mapping[str, float], argument: str = "targets") -> dict[str, float]:
        """Let targets through, as floats in the order of `attributes`.

        Args:
            targets: as for `edit`.
            argument: what the caller's caller knows them as.

        Raises:
            ValueError: as for `edit`.
        """
        if not isinstance(targets, Mapping):
            found = type(targets).__name__
            raise ValueError(f"{argument} must be values by name, such as {{'Smiling': 90}}, got {found}")
        for name, value in targets.items():
            self.checked_attribute(name, argument)
            if isinstance(value, bool) or not isinstance(value, Real) or not 0 <= value <= 100:  # NaN fails too
                raise ValueError(f"{argument}[{name!r}] must be a number from 0 to 100, got {value!r:.40}")
        return {name: max(0.0, float(targets[name])) for name in self.attributes if name in targets}  # -0.0 becomes 0.0

    def checked_attribute(self, name: str, argument: str) -> str:
        """Let the name of an attribute through.

        Raises:
            ValueError: there is no such attribute.
        """
        if name not in self.attributes:
            raise ValueError(f"{argument}: unknown attribute {name!r:.40}; choose from {', '.join(self.attributes)}")
        return name

    def fingerprint(self) -> str:
        """Name the weights: the first 12 hexadecimal digits of the SHA-256 of all tensors."""
        digest = hashlib.sha256()
        for name, tensor in sorted(self.state_dict().items()):
            digest.update(name.encode() + tensor.cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()[:12]

    # Loading and saving -----------------------------------------------------------------------------

    @classmethod
    def from_pretrained(  # type: ignore[override]
        cls,
        source: str | Path | None = None,
        *,
        revision: str | None = None,
        token: str | bool | None = None,
        cache_dir: str | Path | None = None,
        local_files_only: bool = False,
        force_download: bool = False,
    ) -> Self:
        """Load an editor; every tensor must be there, in its shape.

        Args:
            source: a local folder, a Hub id of the form owner/name, or None for the embedded weights.
            revision: commit, tag or branch of a Hub repository, which a folder has not.
            token: access token for the Hub; None takes HF_TOKEN or the stored login.
            cache_dir: where downloads are kept; None is the Hub client's own place.
            local_files_only: take what was downloaded before, and ask for nothing.
            force_download: download again.

        Raises:
            WeightsError: there is no such folder or repository, it cannot be reached, its files are incomplete or
                do not fit, or a revision of a folder was asked for.
        """
        name = str(EMBEDDED_WEIGHTS if source is None else source)
        options = {
            "token": token,
            "cache_dir": cache_dir,
            "local_files_only": local_files_only,
            "force_download": force_download,
        }
        try:
            files = fetch_files(name, revision, options)
            editor = cls(**read_config(files[constants.CONFIG_NAME]))
            load_tensors(editor, files[constants.SAFETENSORS_SINGLE_FILE])
            if not (editor.low < editor.high).all():
                raise WeightsError("a value's low end is not below its high end")
        except Exception as error:
            where = repr(name) if revision is None else f"{name!r} at revision {revision!r}"
            where += " on the Hub" if is_hub_id(name) and not Path(name).is_dir() else ""
            raise WeightsError(f"cannot load weights from {where}: {first_line(error)}") from error
        return editor

    def _save_pretrained(self, save_directory: Path) -> None:
        """Write the weights; kernels in half precision, to which the fit rounded them."""
        # Written here, since safetensors lets nobody but the owner read what it writes.
        (save_directory / constants.SAFETENSORS_SINGLE_FILE).write_bytes(save(stored(self), metadata={"format": "pt"}))


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
