"""Who reads attributes in faces without having taken part in editing them."""

from collections.abc import Sequence

import torch
from torch import Tensor

from expressions import Editor
from expressions.attributes import SKIN_TONE, free_to_change
from expressions.networks.classifier import AttributeClassifier
from expressions.networks.generator import BATCH
from expressions.skin import individual_typology_angle

from .evaluator import Evaluator

FIRST_SEED = 2_000_000  # of the faces that are judged: no fit draws seeds from here on
FIT_SEED = 3_000_000  # but other editors' fits, and the scales of readers, from here on
DRAWN = 2000  # faces that set a reader's scale
TAN = 28.0  # degrees: skin of a lesser typology angle is tan, brown or dark (Chardon et al. 1991)


class AttributeReader:
    """Reads attributes in standard deviations of the unedited faces.

    Args:
        network: images to one logit for each attribute but skin tone, which is computed.
        attributes: the editor's, skin tone last.
        faces: (N, 3, 64, 64) unedited: their standard deviations are the unit, their percentiles the scale.
    """

    def __init__(self, network: Evaluator | AttributeClassifier, attributes: Sequence[str], faces: Tensor) -> None:
        self.network = network
        self.names = tuple(attributes)
        raw = self.raw(faces)
        self.mean, self.deviation = raw.mean(0), raw.std(0)
        self.low, self.high = self._standardise(raw).quantile(raw.new_tensor([0.01, 0.99]), dim=0)
        border = torch.zeros_like(self.mean)  # where a logit says neither yes nor no
        border[self.column(SKIN_TONE)] = TAN
        self.border = self._standardise(border)

    @torch.no_grad()
    def raw(self, images: Tensor) -> Tensor:
        """Logits, and degrees of skin tone: images (N, 3, 64, 64) in [-1, 1] -> (N, S)."""
        parts = images.split(BATCH)
        return torch.cat([torch.cat([self.network(p), individual_typology_angle(p)[:, None]], 1) for p in parts])

    def __call__(self, images: Tensor) -> Tensor:
        """Readings (N, S) in standard deviations."""
        return self._standardise(self.raw(images))

    def _standardise(self, raw: Tensor) -> Tensor:
        return (raw - self.mean) / self.deviation

    def values(self, readings: Tensor) -> Tensor:
        """Readings (..., S) on the scale of the sliders, as this reader would calibrate it."""
        return ((readings - self.low) / (self.high - self.low) * 100).clamp(0, 100)

    def flips(self, name: str, first: Tensor, last: Tensor) -> Tensor:
        """Per face 1 if its readings (N, S) lie on the two sides of an attribute's border, or else 0, (N,)."""
        column = self.column(name)
        is_above, was_above = ((readings - self.border)[:, column] > 0 for readings in (last, first))
        return (is_above != was_above).float()

    def column(self, name: str) -> int:
        return self.names.index(name)

    def held(self, name: str) -> list[int]:
        """Columns of the attributes that an edit of `name` should leave alone."""
        free = free_to_change([name])
        return [column for column, other in enumerate(self.names) if other not in free]


def faces_of(editor: Editor, z: Tensor) -> Tensor:
    """Draw latents (N, 100) -> (N, 3, 64, 64), a batch at a time."""
    return torch.cat([editor.synthesize(part) for part in z.split(BATCH)])


def scaling_faces(editor: Editor) -> Tensor:
    """Unedited faces that set the scale of readers."""
    return faces_of(editor, editor.latents(range(FIT_SEED, FIT_SEED + DRAWN), attempts=1))
