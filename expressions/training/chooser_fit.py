"""The fit of a chooser: from latents to how far the faces lie from real ones, as a backbone sees them."""

import math
from copy import deepcopy
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import mse_loss
from tqdm.auto import tqdm

from ..images import to_unit
from ..networks.chooser import Chooser
from ..networks.generator import BATCH
from .backbone import Backbone
from .fits import descend

SIDE = 96  # to which faces are enlarged for the backbone; 128 costs twice as much
FACES = 10_000  # real faces at most, and at least
LEAST_FACES = 1000
COMPONENTS = 64  # principal components of real faces
# Share of the draws that are called sound, chosen by hand. The fewer are, the fewer of them does a face detector doubt,
# and the less do they vary: with 0.5 a network from outside saw a Frechet distance 30 % above that of all draws.
SOUND = 0.8
# Chosen among a few, on draws that no fit saw: 40 passes, other rates of decay and dropout expect distances no better.
EPOCHS, BATCH_SIZE, LR, WEIGHT_DECAY = 15, 128, 2e-3, 0.3
HELD_OUT = 0.1  # share of the draws that no step sees


class RealFaces:
    """Where real faces lie among the features of a backbone, the means of its two coarsest maps.

    Args:
        backbone: sees the faces.
        images: (N, 3, 64, 64) uint8.

    Raises:
        ValueError: there are fewer than `LEAST_FACES`.
    """

    def __init__(self, backbone: Backbone, images: Tensor) -> None:
        if len(images) < LEAST_FACES:
            raise ValueError(f"a chooser needs at least {LEAST_FACES} real faces, got {len(images)}")
        self.backbone = backbone
        features = torch.cat([self._features(to_unit(batch)) for batch in images.split(BATCH)])
        self.mean = features.mean(0)
        variances, axes = torch.linalg.eigh(features.T.cov())
        self.axes = axes[:, -COMPONENTS:] / variances[-COMPONENTS:].sqrt()

    def distances(self, images: Tensor) -> Tensor:
        """Mahalanobis distances of faces to the mean real face in its first principal components, squared (Mahalanobis
        1936): images (N, 3, 64, 64) in [-1, 1] -> (N,) float64. Those of real faces are `COMPONENTS` in the mean."""
        return ((self._features(images) - self.mean) @ self.axes).square().sum(1)

    @torch.no_grad()
    def _features(self, images: Tensor) -> Tensor:
        return torch.cat([maps.mean((2, 3)) for maps in self.backbone.maps(images)[-2:]], 1).double()


class FittedChooser(NamedTuple):
    """What a fitted chooser tells of draws that no step saw."""

    correlation: float  # of the logarithms of the distances, expected and measured
    distance: float  # measured, the mean of all
    sound_distance: float  # and of those that it calls sound

    def told(self) -> str:
        """All that in a sentence."""
        return (
            f"chooser: expects distances with a correlation of {self.correlation:.2f}; in the mean faces lie "
            f"{self.distance:.1f} from real ones, those that it calls sound {self.sound_distance:.1f}"
        )


def fit_chooser(z: Tensor, distances: Tensor, seed: int) -> tuple[Chooser, FittedChooser]:
    """Fit a chooser to the logarithms of distances. It calls the share `SOUND` of draws sound.

    It is taken as it was after the pass that expected the distances of held-out draws best.

    Args:
        z: (N, 100) in [-1, 1].
        distances: (N,), above 0.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        chooser = Chooser()
    rng = torch.Generator().manual_seed(seed)
    logs = distances.log()
    targets = (logs - logs.mean()) / logs.std()
    held_out = int(HELD_OUT * len(z))
    unseen, measured = z[:held_out], targets[:held_out]
    z, targets = z[held_out:], targets[held_out:]
    steps = len(z) // BATCH_SIZE
    optimizer = torch.optim.AdamW(chooser.parameters(), LR, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LR, total_steps=steps * EPOCHS)
    least, best = math.inf, chooser.state_dict()
    for _ in tqdm(range(EPOCHS), desc="Fitting the chooser"):
        for index in torch.randperm(len(z), generator=rng).split(BATCH_SIZE)[:steps]:
            descend(mse_loss(chooser(z[index]), targets[index]), optimizer, schedule)
        with torch.no_grad():
            error = mse_loss(chooser(unseen), measured).item()
        if error < least:
            least, best = error, deepcopy(chooser.state_dict())
    chooser.load_state_dict(best)
    chooser.requires_grad_(False)
    expected = chooser(unseen)
    chooser.threshold.copy_(expected.quantile(SOUND))
    correlation = torch.stack([expected, measured]).corrcoef()[0, 1].item()
    distances = distances[:held_out]
    sound = distances[expected <= chooser.threshold]
    return chooser, FittedChooser(correlation, distances.mean().item(), sound.mean().item())
