"""The fit of a chooser: from latents to how sound a person would call the faces."""

import math
from copy import deepcopy
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import mse_loss
from tqdm.auto import tqdm

from ..images import IMAGE_SIZE, to_unit
from ..networks.chooser import Chooser
from ..networks.generator import BATCH
from .backbone import Backbone
from .directions import regress
from .fits import descend

SIDE = 96  # to which faces are enlarged for the backbone; 128 costs twice as much
RIDGE = 1.0  # a squared coefficient, a feature, beside the squared errors: the best of a few on faces that no fit saw
# Share of the draws that are called sound, chosen by hand. The fewer are, the fewer of them are broken, and the less do
# they vary: a network from outside saw a Frechet distance of 56 for all draws, 67 with 0.8, 75 with 0.7, 81 with 0.6.
SOUND = 0.75
# Chosen among a few, on draws that no fit saw: 40 passes, other rates of decay and dropout expect grades no better.
EPOCHS, BATCH_SIZE, LR, WEIGHT_DECAY = 15, 128, 2e-3, 0.3
HELD_OUT = 0.1  # share of the draws that no step sees


class GradedFaces(NamedTuple):
    """Generated faces, and what a person thought of each."""

    images: Tensor  # (N, 3, 64, 64) uint8
    grades: Tensor  # (N,) float64: 0 sound, 1 doubtful, 2 broken


def read_graded(folder: Path) -> GradedFaces:
    """Read graded faces: `faces.png` shows them in rows, `grades.txt` has a digit in the place of each.

    Raises:
        ValueError: one cannot be read, a grade is none, or they are not equally many.
    """
    try:
        with Image.open(folder / "faces.png") as picture:
            sheet = torch.from_numpy(np.array(picture.convert("RGB"))).permute(2, 0, 1)
        grades = torch.from_numpy(np.loadtxt(folder / "grades.txt", ndmin=2))
    except (OSError, ValueError) as error:
        raise ValueError(f"cannot read graded faces: {error}") from error
    rows, columns = grades.shape
    if sheet.shape != (3, rows * IMAGE_SIZE, columns * IMAGE_SIZE):
        height, width = sheet.shape[1:]
        raise ValueError(f"{folder}: {rows} rows of {columns} grades do not fit a picture of {width}x{height} pixels")
    if not set(grades.unique().tolist()) <= {0, 1, 2} or len(grades.unique()) < 2:
        raise ValueError(f"{folder}: grades must be 0, 1 or 2, and not all the same")
    images = sheet.unfold(1, IMAGE_SIZE, IMAGE_SIZE).unfold(2, IMAGE_SIZE, IMAGE_SIZE).permute(1, 2, 0, 3, 4)
    return GradedFaces(images.flatten(0, 1).contiguous(), grades.flatten())


class Grader:
    """Expects a person's grade of a face: a ridge regression on features of a backbone, the means, deviations and
    maxima of its two coarsest maps.

    Args:
        backbone: sees the faces.
        graded: what it learns from.
    """

    def __init__(self, backbone: Backbone, graded: GradedFaces) -> None:
        self.backbone = backbone
        features = torch.cat([self._features(to_unit(batch)) for batch in graded.images.split(BATCH)])
        self.mean, self.deviation = features.mean(0), features.std(0) + 1e-6
        seen = (features - self.mean) / self.deviation
        kernel = seen @ seen.T / seen.shape[1]
        kernel.diagonal().add_(RIDGE)
        self.mean_grade = graded.grades.mean()
        self.weight = seen.T @ torch.linalg.solve(kernel, graded.grades - self.mean_grade) / seen.shape[1]

    def grade(self, images: Tensor) -> Tensor:
        """The grades to expect of images (N, 3, 64, 64) in [-1, 1]: (N,) float64, 0 for sound, 2 for broken."""
        return (self._features(images) - self.mean) / self.deviation @ self.weight + self.mean_grade

    @torch.no_grad()
    def _features(self, images: Tensor) -> Tensor:
        seen: list[Tensor] = []
        for maps in self.backbone.maps(images)[-2:]:
            seen += [maps.mean((2, 3)), maps.std((2, 3), correction=0), maps.amax((2, 3))]
        return torch.cat(seen, 1).double()


def corrected(grades: Tensor, scores: Tensor) -> Tensor:
    """Grades (N,) without the part that is linear in scores (N, K), and with the same mean.

    The scores say who a face shows. Otherwise whoever the generator draws less well would be chosen less often.
    """
    weights = regress(scores, grades[:, None])[0]
    return grades - (scores - scores.mean(0)) @ weights


class FittedChooser(NamedTuple):
    """What a fitted chooser tells of draws that no step saw."""

    correlation: float  # of the grades that it expects from z, and those that it was fitted to
    grade: float  # the mean of all
    sound_grade: float  # and of those that the chooser calls sound

    def told(self) -> str:
        """All that in a sentence."""
        return (
            f"chooser: expects grades with a correlation of {self.correlation:.2f}; in the mean faces are graded "
            f"{self.grade:.2f}, those that it calls sound {self.sound_grade:.2f} (0: sound, 2: broken)"
        )


def fit_chooser(z: Tensor, grades: Tensor, seed: int) -> tuple[Chooser, FittedChooser]:
    """Fit a chooser to the grades that are expected of draws. It calls the share `SOUND` of them sound.

    It is taken as it was after the pass that expected the grades of held-out draws best.

    Args:
        z: (N, 100) in [-1, 1].
        grades: (N,).
        seed: of the first weights and the order of the draws.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        chooser = Chooser()
    rng = torch.Generator().manual_seed(seed)
    targets = (grades - grades.mean()) / grades.std()
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
    grades = grades[:held_out]
    sound = grades[expected <= chooser.threshold]
    return chooser, FittedChooser(correlation, grades.mean().item(), sound.mean().item())
