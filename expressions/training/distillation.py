"""The editor's classifier, distilled: it scores generated faces as several classifiers do in the mean."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import mse_loss

from ..images import to_uint8
from ..latents import to_uniform
from ..networks.averaging import estimate_statistics
from ..networks.classifier import AttributeClassifier, load_classifiers, predict
from ..networks.generator import BATCH, Generator, load_generator
from ..networks.precision import channels_last
from .classifier_fit import save_with_accuracy
from .config import DataOptions, GeneratorOptions
from .data import load_faces
from .directions import edit_half
from .fits import FitOptions, fit_labels, prepare
from .options import option, split_paths


@dataclass(frozen=True, kw_only=True)
class DistillationConfig(GeneratorOptions, DataOptions, FitOptions):
    """Every option of the distillation."""

    test_split: str = option("valid", "split to report the accuracy on")
    student: str = option("runs/classifier/classifier.safetensors", "the classifier to go on from")
    teachers: str = option(
        "runs/teacher1/classifier.safetensors", "classifiers to learn from, separated by commas", paths=True
    )
    out: str = option("runs/student", "folder for the classifier and its accuracies")
    samples: int = option(24_000, "generated faces to learn from", least=2)
    epochs: int = option(3, "passes over the faces", above=0)
    lr: float = option(5e-4, "peak of the one-cycle schedule of AdamW's rate", above=0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.samples < self.batch_size:
            raise ValueError(f"samples must be at least batch_size, {self.batch_size}, got {self.samples}")


def run_distil(config: DistillationConfig) -> str:
    """Distil the mean of several classifiers, as they score generated faces, into one for the editor."""
    out = prepare(config, config.out)
    (student, *teachers), attributes = load_classifiers([config.student, *split_paths(config.teachers)])
    generator = load_generator(Path(config.generator))
    test_faces = load_faces(config, config.test_split, attributes=attributes)
    return save_with_accuracy(distil(student, teachers, generator, config), test_faces, out)


def distil(
    student: AttributeClassifier,
    teachers: Sequence[AttributeClassifier],
    generator: Generator,
    config: DistillationConfig,
) -> AttributeClassifier:
    """Teach a classifier the mean logits of others on generated faces (Hinton et al. 2015, arXiv:1503.02531).

    It then errs less than any of them, as their mean does, at the cost of one. The loss is in standard deviations of
    each attribute's logits. The teachers score the attributes of the student in its order. The generator is in
    evaluation mode.

    Raises:
        ValueError: the teachers score every face alike; or as for `edit_half`.
        FloatingPointError: as for `fit_labels`.
    """
    torch.manual_seed(config.seed)  # of the student's dropout
    device = config.resolve()
    images = draw_faces(generator.to(device), config.samples, config.seed)
    targets = torch.stack([predict(channels_last(teacher).to(device), images) for teacher in teachers]).mean(0)
    deviation = targets.std(0)
    if not deviation.all():
        alike = int((deviation == 0).nonzero()[0])
        raise ValueError(
            f"the teachers score attribute {alike} of every generated face alike: does the generator draw several?"
        )

    def loss(logits: Tensor, wanted: Tensor) -> Tensor:
        return mse_loss(logits / deviation, wanted / deviation)

    return fit_labels(student.train().requires_grad_(True), images, targets, config, loss=loss)


@torch.no_grad()
def draw_faces(generator: Generator, samples: int, seed: int) -> Tensor:
    """Draw faces (N, 3, 64, 64) uint8; half of them are edits, where the generator was taught any.

    From a batch of faces on, the generator's batch-norm statistics are estimated on them, as the editor's will be.
    """
    rng = torch.Generator().manual_seed(seed)
    u = edit_half(torch.randn(samples, generator.z_dim, generator=rng), generator.directions.cpu(), rng)
    z = to_uniform(u).to(generator.directions.device)
    if samples >= BATCH:
        estimate_statistics(generator, z)
    return torch.cat([to_uint8(generator(batch)) for batch in z.split(BATCH)])
