"""Editability, trained into the generator: along a direction of its own, each attribute changes and the others stay.

No published editor owns its generator's training; this one does. Half of the fakes of every batch are edits of the
other half. The discriminator keeps them real; the loss here makes an edit change the score it is meant to,
as far as asked, and nothing else.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import smooth_l1_loss

from ..attributes import IDENTIFYING, SKIN_TONE, SLIDERS, free_to_change
from ..images import to_unit
from ..latents import to_normal, to_uniform
from ..networks.classifier import AttributeClassifier
from ..networks.generator import BATCH, Generator
from ..networks.identity import IdentityEmbedding
from ..skin import cheek_lab, typology_angle
from .augmentation import FAINT, add_noise, mirror, shift
from .directions import EDIT_LENGTHS, draw_edits, dual_basis, regress

_MOVED_WEIGHT = 20.0  # of a score that an edit is meant to change
_KEY_WEIGHT = 5.0  # of `IDENTIFYING` and the colour of the cheeks
_IDENTITY_WEIGHT = 0.25  # of the cosine between the identities of a face and its edit
_SHIFT = 2  # pixels by which the networks see a pair moved
_CLOSE = 0.15  # standard deviations by which a score may be off without costing its full rate


class EditLoss(nn.Module):
    """What the pairs of a face and its edit cost the generator.

    Scores are the logits of one or more classifiers, the cheeks' typology angle and their L*, a*, b*, each in standard
    deviations over real faces. What belongs together with a moved attribute (`COUPLED`) is free.

    Args:
        classifiers: each with one logit for each of `attributes`.
        attributes: their outputs.
        images: (N, 3, 64, 64) uint8 real faces.
        identity: tells people apart, who are to stay the same; not held if not given.
    """

    REAL_FACES = 3000  # that the scores are standardised on
    FIRST_FACES = 4000  # generated, that the first directions come from

    mean: Tensor
    deviation: Tensor
    low: Tensor
    high: Tensor
    reads: Tensor
    holds: Tensor
    changes_identity: Tensor
    lengths: Tensor

    def __init__(
        self,
        classifiers: Sequence[AttributeClassifier],
        attributes: Sequence[str],
        images: Tensor,
        identity: IdentityEmbedding | None = None,
    ) -> None:
        super().__init__()
        self.identity = identity.eval().requires_grad_(False) if identity is not None else None
        self.classifiers = nn.ModuleList(classifiers).eval().requires_grad_(False)
        names = [*list(attributes) * len(classifiers), SKIN_TONE, "L*", "a*", "b*"]  # of the scores
        scores = torch.cat([self._raw_scores(to_unit(batch)) for batch in images.split(BATCH)])
        low, high = ((scores - scores.mean(0)) / scores.std(0)).quantile(scores.new_tensor([0.01, 0.99]), dim=0)
        weight = torch.tensor([_KEY_WEIGHT if name in (*IDENTIFYING, "L*", "a*", "b*") else 1.0 for name in names])
        reads = torch.tensor([[float(score == name) for score in names] for name in SLIDERS])
        holds = torch.tensor([[float(_is_held(score, name)) for score in names] for name in SLIDERS])
        buffers = {
            "mean": scores.mean(0),
            "deviation": scores.std(0),
            "low": low,
            "high": high,
            "reads": reads,  # (K, S): the scores that tell each attribute
            "holds": holds * weight.to(holds),  # (K, S)
            "changes_identity": torch.tensor([float(name in IDENTIFYING) for name in SLIDERS]),
            "lengths": torch.tensor(EDIT_LENGTHS),  # of the edits of a pair
        }
        for name, tensor in buffers.items():
            self.register_buffer(name, tensor.to(images.device))

    def scores(self, images: Tensor, seen: Tensor | None = None) -> Tensor:
        """Standardised scores (N, S) of images (N, 3, 64, 64) in [-1, 1]; the classifiers are shown `seen` instead."""
        return (self._raw_scores(images, seen) - self.mean) / self.deviation

    def _raw_scores(self, images: Tensor, seen: Tensor | None = None) -> Tensor:
        shown = images if seen is None else seen
        logits = [classifier(shown).float() for classifier in self.classifiers]
        lab = cheek_lab(images)
        return torch.cat([*logits, typology_angle(lab)[:, None], lab], 1)

    @torch.no_grad()
    def first_directions(self, generator: Generator) -> Tensor:
        """Directions (K, z_dim) in u to start from: the ridge dual basis of the scores' regression on it.

        Args:
            generator: in evaluation mode.
        """
        u = torch.randn(self.FIRST_FACES, generator.z_dim, generator=torch.Generator().manual_seed(0)).to(self.mean)
        scores = torch.cat([self.scores(generator(to_uniform(batch))) for batch in u.split(BATCH)])
        scores = scores @ (self.reads / self.reads.sum(1, keepdim=True)).T  # (N, K)
        return dual_basis(regress(u, scores))

    def pair(self, z: Tensor, directions: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Put an edit behind each latent; it moves one attribute, or two in half of the pairs.

        Args:
            z: (N, z_dim) in (-1, 1).
            directions: (K, z_dim) in u, one for each of `SLIDERS`.
            rng: of what is edited, and how far.

        Returns:
            (2N, z_dim), pair by pair; and (N, K), by how many standard deviations each score should move.
        """
        moved = draw_edits(len(z), self.lengths, rng)
        edited = to_uniform(to_normal(z) + moved @ directions)
        return torch.stack([z, edited], 1).flatten(0, 1), moved

    def forward(self, images: Tensor, moved: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Judge a face and its edit, pair by pair.

        An edit is not asked to leave the scale: what it should change ends at the scores' 1st and 99th percentile
        over real faces.

        Args:
            images: (2N, 3, 64, 64) in [-1, 1].
            moved: (N, K), as `pair` returned it.
            rng: of how the networks are shown them.

        Returns:
            The weighted mean over the scores of Huber's loss of the change, with what is lost of the identity, and the
            mean change of a pixel.
        """
        seen = _shown(images, rng)
        scores = self.scores(images, seen)
        before, after = scores[0::2], scores[1::2]
        moves = (moved != 0).float()
        is_moved = moves @ self.reads  # (N, S)
        start = before.detach()
        goal = torch.minimum(
            torch.maximum(start + moved @ self.reads, self.low.minimum(start)), self.high.maximum(start)
        )
        # Each score is held as its freest moved attribute allows, (N, S); where the draw moved none, as any holds it.
        held = torch.where(moved[:, :, None] != 0, self.holds, self.holds.amax(0)).amin(1)
        weight = torch.where(is_moved > 0, _MOVED_WEIGHT, held)
        misses = smooth_l1_loss(after - before, (goal - start) * is_moved, reduction="none", beta=_CLOSE)
        loss = (weight * misses).sum(1).mean() / weight.sum(1).mean()
        if self.identity is not None:
            first, second = self.identity(seen).unflatten(0, (-1, 2)).unbind(1)
            keeps = (moves @ self.changes_identity == 0).float()
            loss = loss + _IDENTITY_WEIGHT * (keeps * (1 - (first * second).sum(1))).mean()
        return loss, (images[0::2] - images[1::2]).abs().mean()


def _shown(images: Tensor, rng: torch.Generator) -> Tensor:
    """Images (2N, 3, H, W) mirrored and shifted, a face and its edit alike, under faint noise: what holds for one view
    of a face only would please the networks, not who looks at it."""
    pairs = images.unflatten(0, (-1, 2)).flatten(1, 2)
    pairs = shift(mirror(pairs, rng), _SHIFT, rng)
    return add_noise(pairs.unflatten(1, (2, -1)).flatten(0, 1), FAINT, rng)


def _is_held(score: str, moved: str) -> bool:
    """Whether an edit of the attribute `moved` should leave a score alone."""
    if moved == SKIN_TONE and score in ("L*", "a*", "b*"):
        return False
    return score not in free_to_change([moved])
