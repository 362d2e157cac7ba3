"""The editor: a generator, a model of its attributes, and the calibrated directions between them."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Self

import torch
from huggingface_hub import PyTorchModelHubMixin
from PIL import Image
from torch import Tensor, nn

from .attributes import SKIN_TONE
from .checks import checked_name, checked_tensor, checked_values, checked_whole
from .errors import WeightsError, weights_errors
from .hub import is_hub_id
from .images import IMAGE_SIZE, to_pil
from .latents import MAX_ATTEMPTS, Z_DIM, checked_attempts, checked_seed, draw_latents, to_normal, to_uniform
from .networks.chooser import Chooser
from .networks.classifier import AttributeClassifier
from .networks.files import fingerprint, load_tensors, read_tensors, stored, to_bytes
from .networks.generator import Generator
from .networks.lens import Lens, bicubic, with_means
from .networks.precision import channels_last
from .skin import individual_typology_angle
from .solver import Look, Problem, Solver
from .weights_files import EMBEDDED_WEIGHTS, TENSORS, find_files, read_config

MAX_SIZE = 4096  # side of a rendered picture


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

    Edits happen in u = Phi^-1((z + 1) / 2), which is standard normal where z is uniform: there is no edge of the cube
    to run into. Each attribute has a direction in u. The generator was trained so that those of `SLIDERS` change
    nothing else (training/edit_loss.py); the others are fitted to what it draws (training/editor_fit.py). An edit is a
    sum of directions. The `solver` finds how far to go along each.

    Whatever is malformed is refused with a ValueError that names the argument, its value and what is allowed.

    Args:
        attributes: what the classifier scores, in its order; `Skin_Tone` comes after them.
        width: of the generator, 1 to 256.
        chooser: whether the weights hold a network that tells which draws are sound; those of 0.1.0 do not.
        lens: whether they hold a network that enlarges faces; those of 0.1.0 do not.
    """

    response: Tensor
    low: Tensor
    high: Tensor

    def __init__(
        self, attributes: Sequence[str], width: int = Generator.WIDTH, chooser: bool = False, lens: bool = False
    ) -> None:
        super().__init__()
        self.attributes: tuple[str, ...] = (*attributes, SKIN_TONE)
        self.solver = Solver()  # another one may take its place
        count = len(self.attributes)
        self.generator = Generator(width=width, directions=count)
        self.classifier = AttributeClassifier(len(attributes))
        self.chooser = Chooser() if chooser else None
        self.lens = Lens() if lens else None
        self.register_buffer("response", torch.eye(count))  # (K, K): values by unit steps along the directions
        self.register_buffer("low", torch.zeros(count))  # score of value 0
        self.register_buffer("high", torch.ones(count))  # score of value 100
        channels_last(self.eval().requires_grad_(False))

    # Faces ------------------------------------------------------------------------------------------

    def latents(self, seeds: Sequence[int] | int, attempts: int = MAX_ATTEMPTS) -> Tensor:
        """Draw the latents of seeds: the same seed gives the same latent, bit for bit, on every platform.

        A seed has several draws. The first one whose face the chooser expects to be sound is taken; where none of
        them is, the soundest. So more attempts give sounder faces, which vary less.

        Args:
            seeds: one or more whole numbers from 0 to 4294967295.
            attempts: how many draws of a seed may be taken, 1 to 8. With 1, or with weights that have no chooser, it
                is always the first.

        Returns:
            (N, 100) float32 in (-1, 1): uniform, but for the choice.
        """
        attempts = checked_attempts(attempts)
        several = isinstance(seeds, Iterable) and not isinstance(seeds, str | bytes | Mapping)
        drawn: Iterable[int] = seeds if several else [seeds]  # type: ignore[list-item,assignment]
        return draw_latents(drawn) if self.chooser is None or attempts == 1 else self.chooser.choose(drawn, attempts)

    @torch.no_grad()
    def synthesize(self, z: Tensor) -> Tensor:
        """Draw the faces of latents: z (N, 100) in [-1, 1] -> images (N, 3, 64, 64) float32 in [-1, 1]."""
        images: Tensor = self.generator(self._checked_latents(z))
        return images

    @torch.no_grad()
    def enlarge(self, images: Tensor) -> Tensor:
        """Double the side of faces: images (N, 3, 64, 64) in [-1, 1] -> (N, 3, 128, 128) float32 in [-1, 1].

        The mean of every four pixels is the one that they replace, so a face that is reduced again has the same values.
        Weights that hold no lens enlarge smoothly.
        """
        images = self._checked_images(images)
        return with_means(bicubic(images), images) if self.lens is None else self.lens(images)

    @torch.no_grad()
    def look(self, z: Tensor) -> Look:
        """Draw one face and measure it: z (1, 100) in [-1, 1]."""
        image = self.synthesize(z)
        if len(image) != 1:
            raise ValueError(f"z must be one latent, of shape (1, {Z_DIM}), got shape {tuple(z.shape)}")
        return Look(z, image, self.values(self.scores(image))[0])

    def render(
        self,
        seed: int,
        targets: Mapping[str, float] | None = None,
        size: int = IMAGE_SIZE,
        attempts: int = MAX_ATTEMPTS,
    ) -> Image.Image:
        """Draw one face as a picture.

        Args:
            seed: a whole number from 0 to 4294967295.
            targets: as for `edit`. None: the face as it is.
            size: side of the picture, 1 to 4096 pixels; see `picture`.
            attempts: as for `latents`.
        """
        size = checked_whole(size, "size", 1, MAX_SIZE)
        face = self.look(self.latents(checked_seed(seed), attempts))
        return self.picture(self.follow(face, {} if targets is None else targets).image, size)

    def picture(self, image: Tensor, size: int) -> Image.Image:
        """An image (1, 3, 64, 64) in [-1, 1] as a picture of `size` pixels a side, if larger through the lens."""
        if len(image := self._checked_images(image)) != 1:
            raise ValueError(f"image must be one, of shape (1, 3, 64, 64), got shape {tuple(image.shape)}")
        picture = to_pil((image if size <= IMAGE_SIZE or self.lens is None else self.enlarge(image))[0])
        return picture if size == picture.width else picture.resize((size, size), Image.Resampling.LANCZOS)

    # Values -----------------------------------------------------------------------------------------

    @torch.no_grad()
    def measure(self, images: Tensor) -> Tensor:
        """Measure every attribute: images (N, 3, 64, 64) in [-1, 1] -> values (N, K) from 0 to 100."""
        return self.values(self.scores(images)).clamp(0, 100)

    def scores(self, images: Tensor) -> Tensor:
        """Score images (N, 3, 64, 64) in [-1, 1] -> (N, K): logits, and degrees for `Skin_Tone`. Gradients pass."""
        images = self._checked_images(images)
        return torch.cat([self.classifier(images), individual_typology_angle(images)[:, None]], dim=1)

    def values(self, scores: Tensor) -> Tensor:
        """Put scores (..., K) on the 0-100 scale, without clipping."""
        return (scores - self.low) / (self.high - self.low) * 100

    # Edits ------------------------------------------------------------------------------------------

    @torch.no_grad()
    def edit(self, z: Tensor, targets: Mapping[str, float]) -> Tensor:
        """Move latents until their faces show the asked values.

        Always starts from the latents given, so the order of targets does not matter. A target that a face cannot reach
        alone is clipped to what it reaches, as close as was found; the others are met beside it.

        Args:
            z: (N, 100) in [-1, 1].
            targets: value from 0 to 100 for each attribute to change. Empty: z comes back bit for bit.

        Returns:
            (N, 100) float32 in (-1, 1).
        """
        targets, z = self.checked_targets(targets), self._checked_latents(z)
        if not targets or not len(z):
            return z.clone()
        # One face at a time: the steps would enlarge the rounding by which a batch differs from its parts.
        return torch.cat([self.follow(self.look(row), targets).z for row in z.split(1)])

    @torch.no_grad()
    def follow(self, face: Look, targets: Mapping[str, float]) -> Look:
        """Edit one face, as `edit` does: from what `look` saw of it to what `look` sees of the result."""
        targets = self.checked_targets(targets)
        if len(targets) > 1:
            return self.combine(face, targets, {name: self.follow(face, {name: targets[name]}) for name in targets})
        return self._solve(face, targets) if targets else face

    @torch.no_grad()
    def combine(self, face: Look, targets: Mapping[str, float], alone: Mapping[str, Look]) -> Look:
        """Edit one face to several targets, as `follow` does, given what it makes of each of them alone, by name."""
        targets = self.checked_targets(targets)
        shown = {name: alone[name].values[self.attributes.index(name)].item() for name in targets}
        return self._solve(face, self.solver.within_reach(targets, shown))

    @torch.no_grad()
    def sketch(self, face: Look, targets: Mapping[str, float]) -> Tensor:
        """Edit one face by the first step of `follow` alone -> z (1, 100), unseen: it often misses by points."""
        targets = self.checked_targets(targets)
        if not targets:
            return face.z.clone()
        return to_uniform(to_normal(face.z.to(self.low)) + self.solver.first_step(self._problem(face, targets), face))

    @torch.no_grad()
    def reach(self, z: Tensor, name: str) -> Tensor:
        """Find how far an attribute of these very faces can be moved.

        Args:
            z: (N, 100) in [-1, 1].
            name: one of `attributes`.

        Returns:
            (N, 2): the least and the greatest value that `edit` can show.
        """
        column = self.attributes.index(self.checked_attribute(name, "name"))
        z = self._checked_latents(z)
        faces = [self.look(row) for row in z.split(1)] if len(z) else []
        ends = [[self.follow(face, {name: end}).values[column] for end in (0.0, 100.0)] for face in faces]
        return self.low.new_tensor(ends).reshape(-1, 2).clamp(0, 100)

    def _solve(self, face: Look, targets: Mapping[str, float]) -> Look:
        u = to_normal(face.z.to(self.low))
        return self.solver.solve(self._problem(face, targets), face, lambda move: self.look(to_uniform(u + move)))

    def _problem(self, face: Look, targets: Mapping[str, float]) -> Problem:
        return self.solver.problem(targets, self.attributes, face.values, self.generator.directions, self.response)

    # Checks -----------------------------------------------------------------------------------------

    def checked_targets(self, targets: Mapping[str, float], argument: str = "targets") -> dict[str, float]:
        """Let targets through, as floats in the order of `attributes`; errors call them `argument`."""
        targets = checked_values(targets, self.attributes, argument)
        return {name: targets[name] for name in self.attributes if name in targets}

    def checked_attribute(self, name: str, argument: str) -> str:
        """Let the name of an attribute through; errors call it `argument`."""
        return checked_name(name, self.attributes, argument)

    def _checked_images(self, images: Tensor) -> Tensor:
        return checked_tensor(images, "images", 3, IMAGE_SIZE, IMAGE_SIZE).to(self.low)

    def _checked_latents(self, z: Tensor) -> Tensor:
        return checked_tensor(z, "z", Z_DIM).to(self.low)

    # Files ------------------------------------------------------------------------------------------

    def fingerprint(self) -> str:
        """Name the weights: the first 12 hexadecimal digits of the SHA-256 of all tensors."""
        return fingerprint(self)[:12]

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
            token, cache_dir, local_files_only, force_download: for a Hub id, as in `huggingface_hub.hf_hub_download`.

        Raises:
            WeightsError: there is no such folder or repository, it cannot be reached, its files are incomplete or
                do not fit, or a revision of a folder was asked for.
        """
        name = str(EMBEDDED_WEIGHTS if source is None else source)
        where = repr(name) if revision is None else f"{name!r} at revision {revision!r}"
        where += " on the Hub" if is_hub_id(name) and not Path(name).is_dir() else ""
        with weights_errors(f"cannot load weights from {where}"):
            download = {"token": token, "cache_dir": cache_dir, "local_files_only": local_files_only}
            config, model = find_files(name, revision, download | {"force_download": force_download})
            with weights_errors(config.name):
                editor = cls(**read_config(config))
            with weights_errors(model.name):
                load_tensors(editor, read_tensors(model)[0])
            if not (editor.low < editor.high).all():
                raise WeightsError("a value's low end is not below its high end")
        return editor

    def _save_pretrained(self, save_directory: Path) -> None:
        """Write the weights; kernels in half precision, to which the fit rounded them."""
        # Written here, since safetensors lets nobody but the owner read what it writes.
        (save_directory / TENSORS).write_bytes(to_bytes(stored(self), {"format": "pt"}))
