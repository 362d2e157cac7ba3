"""The network that judges faces: a residual one, which took part in no training of a generator or an editor.

It knows CelebA's 40 attributes from the people of odd `celeb_id`; the networks that teach and guide the editor are
plain ones, fitted to the others.

    python -m benchmarks.evaluator --data DATA

Fits another one. That of the tables lies beside this file as evaluator.safetensors; plain.safetensors is an earlier
generator of this project, without edits.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from expressions import Editor
from expressions.attributes import CELEBA_ATTRIBUTES, HUB_DATASET
from expressions.latents import to_uniform
from expressions.networks.averaging import estimate_statistics
from expressions.networks.classifier import predict
from expressions.networks.files import digest, stored, to_bytes
from expressions.networks.generator import load_generator
from expressions.training.augmentation import mirror, relight
from expressions.training.classifier_fit import ClassifierConfig, accuracy
from expressions.training.config import DataOptions
from expressions.training.data import load_faces
from expressions.training.directions import edit_half
from expressions.training.editor_fit import STATISTICS_FACES
from expressions.training.fits import fit_labels

from .reports import Judged, Measured

EVALUATOR = Path(__file__).with_name("evaluator.safetensors")


class Residual(nn.Module):
    """Two convolutions beside a shortcut; the first one halves the side."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.path = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, 2, 1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.SiLU(),
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        self.shortcut = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(inputs, outputs, 1, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.silu(self.path(x) + self.shortcut(x))


class Evaluator(nn.Module):
    """Images (N, 3, 64, 64) in [-1, 1] -> logits (N, 40), by way of features (N, 192)."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 24, 3, padding=1, bias=False),
            nn.BatchNorm2d(24),
            nn.SiLU(),
            *(Residual(i, o) for i, o in ((24, 48), (48, 96), (96, 160), (160, 192))),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
        )
        self.head = nn.Linear(192, len(CELEBA_ATTRIBUTES))

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.head(self.features(images))
        return logits


def load_evaluator(path: Path = EVALUATOR) -> Evaluator:
    """Read what this script wrote."""
    evaluator = Evaluator()
    evaluator.load_state_dict(load_file(path))
    return evaluator.eval().requires_grad_(False)


def judged_by(evaluator: Path) -> Judged:
    """What a report says of its evaluator."""
    return {"evaluator": digest(evaluator)[:12]}


def measured_on(editor: Editor, evaluator: Path) -> Measured:
    """What a report says of its editor and its evaluator."""
    return {"weights": editor.fingerprint(), **judged_by(evaluator)}


def plain_editor(generator: Path, attributes: Sequence[str]) -> Editor:
    """An editor around a generator. It is not fitted: it only draws faces, with batch-norm statistics estimated anew.

    As in a fit, half of the faces for these are edits, if the generator was taught any.
    """
    plain = load_generator(generator)
    editor = Editor(attributes, plain.width)
    rng = torch.Generator().manual_seed(0)
    u = torch.randn(STATISTICS_FACES, plain.z_dim, generator=rng)
    estimate_statistics(plain, to_uniform(edit_half(u, plain.directions, rng)))
    editor.generator = plain
    return editor


def command_line(description: str | None) -> argparse.ArgumentParser:
    """A parser with the options of all that judge faces."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=HUB_DATASET, help="Hub id or local folder of CelebA")
    parser.add_argument("--evaluator", type=Path, default=EVALUATOR, help="file of its weights")
    return parser


def augment(images: Tensor, rng: torch.Generator) -> Tensor:
    """Mirror, roll, relight and erase a square: not what the classifier's fit does."""
    images = mirror(images, rng)
    down, right = torch.randint(-4, 5, (2,), generator=rng, device=rng.device).tolist()
    images = relight(images.roll((down, right), (2, 3)), rng)
    top, left = torch.randint(0, 64 - 16, (2,), generator=rng, device=rng.device).tolist()
    images[:, :, top : top + 16, left : left + 16] = 0
    return images


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=HUB_DATASET, help="Hub id or local folder of CelebA")
    parser.add_argument("--out", type=Path, default=Path("runs/evaluator.safetensors"), help="where to write it")
    arguments = parser.parse_args()
    faces = load_faces(DataOptions(data=arguments.data, identities="odd"), "train", attributes=CELEBA_ATTRIBUTES)
    held_out = load_faces(DataOptions(data=arguments.data), "valid", attributes=CELEBA_ATTRIBUTES)
    torch.manual_seed(1)
    evaluator = fit_labels(Evaluator(), faces.images, faces.labels, ClassifierConfig(seed=1), augment)
    rates = accuracy(predict(evaluator, held_out.images), held_out.labels)
    print(f"mean accuracy {rates.mean():.3f} on {len(held_out)} held-out faces")
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_bytes(to_bytes(stored(evaluator)))


if __name__ == "__main__":
    main()
