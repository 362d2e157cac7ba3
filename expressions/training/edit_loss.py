"""The loss of an edit: along a direction of its own each attribute changes, and the others stay.

Half of the generated faces of every batch are edits of the other half, which the discriminators see alone. The loss
here makes an edit change the score that it is meant to change, as far as asked, and nothing else.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import smooth_l1_loss

from ..attributes import IDENTIFYING, SKIN_TONE, SLIDERS, free_to_change
from ..images import to_unit
from ..latents import to_normal, to_uniform
from ..networks.classifier import AttributeClassifier
from ..networks.generator import BATCH, Generator
from ..regions import region
from ..skin import cheek_lab, typology_angle
from .augmentation import add_noise, mirror, shift
from .directions import draw_edits, dual_basis, regress

# All of these were chosen by hand between trainings of the embedded weights, and never ablated.
_MOVED_WEIGHT = 30.0  # of a score that an edit is meant to change; one that it should leave alone weighs 1
_KEY_WEIGHT = 5.0  # of `IDENTIFYING` and the colour of the cheeks, where they should stay
_COLOUR_WEIGHT = 0.25  # times these, of what is computed from the cheeks: it is exact
_CLOSE = 0.15  # standard deviations within which a miss costs by its square, not in a line
_LARGE_WEIGHT = 2.0  # of half of the square besides, where a score should stay: one large change costs more than many
_OUTSIDE_WEIGHT = 4.0  # of a pixel's change outside the region of what is edited, beside 1 inside
_FAINT = 0.05  # standard deviation of noise: who looks through it is told nothing by a single pixel
_SHIFT = 2  # pixels by which the networks see a pair moved

_LAB = ("L*", "a*", "b*")  # of the cheeks


class EditLoss:
    """What a face and its edit cost the generator.

    Each pair is judged by one of the classifiers, so that several cost no more than one and none is pleased alone. Its
    scores are that classifier's logits, the typology angle of the cheeks and their L*, a*, b*: S in all. Each is in
    standard deviations over real faces, as that classifier sees them. What belongs together with a moved attribute
    (`COUPLED`) is free.

    Args:
        classifiers: each with one logit for each of `attributes`.
        attributes: their outputs.
        images: (N, 3, 64, 64) uint8 real faces, of which the first 3,000 are used.
    """

    REAL_FACES = 3000  # that the scores are standardised on
    FIRST_FACES = 4000  # generated, that the first directions come from

    def __init__(self, classifiers: Sequence[AttributeClassifier], attributes: Sequence[str], images: Tensor) -> None:
        self.classifiers = classifiers
        names = [*attributes, SKIN_TONE, *_LAB]  # of the scores
        faces = [to_unit(batch) for batch in images[: self.REAL_FACES].split(BATCH)]
        each = range(len(classifiers))
        raw = torch.stack([torch.cat([self._raw_scores(which, batch, batch) for batch in faces]) for which in each])
        self.mean, self.deviation = raw.mean(1), raw.std(1)  # (C, S), of C classifiers
        standardised = (raw - self.mean[:, None]) / self.deviation[:, None]
        self.low, self.high = standardised.quantile(raw.new_tensor([0.01, 0.99]), dim=1)  # (C, S) each

        # (K, S): the scores that tell each of `SLIDERS`; how much a miss of each weighs where it moves, and where it
        # should stay.
        is_colour = raw.new_tensor([name in (SKIN_TONE, *_LAB) for name in names])
        is_key = raw.new_tensor([name in (*IDENTIFYING, *_LAB) for name in names])
        self.reads = raw.new_tensor([[score == name for score in names] for name in SLIDERS])
        self.holds = raw.new_tensor([[_is_held(score, name) for score in names] for name in SLIDERS])
        colours = 1 + (_COLOUR_WEIGHT - 1) * is_colour
        self.moves = _MOVED_WEIGHT * colours * self.reads
        self.holds *= (1 + (_KEY_WEIGHT - 1) * is_key) * colours
        self.regions = torch.stack([region(name) for name in SLIDERS]).to(raw)  # (K, 64, 64)

    def scores(self, which: int, images: Tensor, seen: Tensor) -> Tensor:
        """Standardised scores (N, S) of images (N, 3, 64, 64) in [-1, 1]; the classifier is shown `seen` instead."""
        return (self._raw_scores(which, images, seen) - self.mean[which]) / self.deviation[which]

    def _raw_scores(self, which: int, images: Tensor, seen: Tensor) -> Tensor:
        lab = cheek_lab(images)
        return torch.cat([self.classifiers[which](seen).float(), typology_angle(lab)[:, None], lab], 1)

    @torch.no_grad()
    def first_directions(self, generator: Generator) -> Tensor:
        """Directions (K, z_dim) in u to start from: the ridge dual basis of the mean scores' regression on u.

        The generator is in evaluation mode.
        """
        u = torch.randn(self.FIRST_FACES, generator.z_dim, generator=torch.Generator().manual_seed(0)).to(self.mean)
        faces = [generator(to_uniform(batch)) for batch in u.split(BATCH)]
        each = range(len(self.classifiers))
        scores = [torch.stack([self.scores(which, batch, batch) for which in each]).mean(0) for batch in faces]
        return dual_basis(regress(u, torch.cat(scores) @ self.reads.T))

    def pair(self, z: Tensor, directions: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Put an edit behind each latent; it moves one attribute, or two in half of the pairs.

        Args:
            z: (N, z_dim) in (-1, 1).
            directions: (K, z_dim) in u, one for each of `SLIDERS`.
            rng: draws the edits.

        Returns:
            (2N, z_dim), pair by pair; and (N, K), by how many standard deviations each score should move.
        """
        moved = draw_edits(len(z), rng)
        edited = to_uniform(to_normal(z) + moved @ directions)
        return torch.stack([z, edited], 1).flatten(0, 1), moved

    def __call__(self, images: Tensor, moved: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Judge faces and their edits.

        An edit is not asked to leave the scale: what it should change ends at the scores' 1st and 99th percentile
        over real faces.

        Args:
            images: (2N, 3, 64, 64) in [-1, 1], pair by pair.
            moved: (N, K), as `pair` returned it.
            rng: draws how the networks are shown them.

        Returns:
            The weighted mean over the scores of what their misses cost; and the mean change of a pixel, which weighs
            more outside the region of what is edited.
        """
        seen = _shown(images, rng)
        pairs = [len(share) for share in moved.tensor_split(len(self.classifiers))]  # of each classifier
        shares = zip(*(tensor.split([2 * count for count in pairs]) for tensor in (images, seen)), strict=True)
        scores = torch.cat([self.scores(which, *share) for which, share in enumerate(shares)])
        low, high = (
            torch.cat([bound.expand(count, -1) for bound, count in zip(bounds, pairs, strict=True)])
            for bounds in (self.low, self.high)
        )
        before, after = scores.unflatten(0, (-1, 2)).unbind(1)

        # How far each score should move: as asked, within the scale.
        start = before.detach()
        asked = start + moved @ self.reads
        goal = torch.minimum(torch.maximum(asked, low.minimum(start)), high.maximum(start))
        is_moved = (moved != 0).float()
        is_asked = is_moved @ self.reads  # (N, S)

        # How much a miss weighs: each score is held as its freest moved attribute allows, (N, S); where the draw moved
        # none, as any holds it.
        held = torch.where(moved[:, :, None] != 0, self.holds, self.holds.amax(0)).amin(1)
        weight = torch.where(is_asked > 0, is_moved @ self.moves, held)
        change, wanted = after - before, (goal - start) * is_asked
        misses = smooth_l1_loss(change, wanted, reduction="none", beta=_CLOSE)
        misses = misses + _LARGE_WEIGHT / 2 * change.square() * (is_asked == 0)
        loss = (weight * misses).sum(1).mean() / weight.sum(1).mean()

        # How much of the picture changes.
        inside = torch.where(moved[:, :, None, None] != 0, self.regions, 0).amax(1)  # (N, 64, 64)
        changed = (images[0::2] - images[1::2]).abs().mean(1)
        return loss, (changed * (1 + (_OUTSIDE_WEIGHT - 1) * (1 - inside))).mean()


def _shown(images: Tensor, rng: torch.Generator) -> Tensor:
    """Images (2N, 3, H, W) mirrored, shifted and under faint noise, a face and its edit alike.

    Otherwise an edit could please the networks in ways that hold for one view of a face and that nobody sees.
    """
    pairs = images.unflatten(0, (-1, 2)).flatten(1, 2)
    pairs = shift(mirror(pairs, rng), _SHIFT, rng)
    return add_noise(pairs.unflatten(1, (2, -1)).flatten(0, 1), _FAINT, rng)


def _is_held(score: str, moved: str) -> bool:
    """Whether an edit of the attribute `moved` should leave a score alone."""
    return score not in free_to_change([moved]) and not (moved == SKIN_TONE and score in _LAB)
