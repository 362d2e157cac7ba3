"""The fit of the identity embedding."""

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, linear, normalize, one_hot

from ..networks.classifier import predict
from ..networks.files import save_network
from ..networks.identity import IdentityEmbedding
from .classifier_fit import ClassifierConfig
from .data import load_faces
from .fits import PROGRESS, FitOptions, fit_labels, prepare
from .options import option

# CosFace's margin and scale, chosen by hand for 64x64 and not tuned; the paper has 0.35 and 64 for larger faces.
_MARGIN, _SCALE = 0.2, 20.0
_VERIFIED = 4000  # faces, at most, to report on: all their pairs must fit into memory


@dataclass(frozen=True, kw_only=True)
class IdentityConfig(ClassifierConfig):
    """Every option of the embedding's fit."""

    test_split: str = option("valid", "split to report the verification on")
    out: str = option("runs/identity", "folder for the embedding and its verification")
    epochs: int = option(30, "passes over the faces", above=0)


def run_identity(config: IdentityConfig) -> str:
    """Fit the identity embedding and report how well it tells people apart."""
    out = prepare(config, config.out)
    faces = load_faces(config, config.split, people=True)
    test_faces = load_faces(config, config.test_split, people=True)
    embedding = fit_identity(faces.images, faces.people, config, out / PROGRESS)
    save_network(embedding, out / "identity.safetensors")
    embeddings = predict(embedding, test_faces.images[:_VERIFIED])
    area = verification(embeddings, test_faces.people[:_VERIFIED])
    (out / "verification.json").write_text(json.dumps({"auc": area, "faces": len(embeddings)}, indent=2) + "\n")
    (out / PROGRESS).unlink(missing_ok=True)
    return f"area under the curve of {len(embeddings)} faces' pairs: {area:.3f}"


class _Recogniser(nn.Module):
    """The embedding with a unit vector for each person: images -> cosines (N, P)."""

    def __init__(self, people: int) -> None:
        super().__init__()
        self.embedding = IdentityEmbedding()
        self.people = nn.Parameter(torch.randn(people, IdentityEmbedding.SIZE))

    def forward(self, images: Tensor) -> Tensor:
        return linear(self.embedding(images), normalize(self.people, dim=1))


def margin_loss(cosines: Tensor, person: Tensor) -> Tensor:
    """Cross-entropy of scaled cosines (N, P), after a margin is taken from the right person's (CosFace, Wang et al.
    2018, arXiv:1801.09414, eq. 4); person (N,)."""
    return cross_entropy(_SCALE * (cosines - _MARGIN * one_hot(person, cosines.shape[1])), person)


def fit_identity(images: Tensor, people: Tensor, config: FitOptions, progress: Path | None = None) -> IdentityEmbedding:
    """Fit an embedding that tells people apart, as `fit_labels` does: images (N, 3, 64, 64) uint8, people (N,) int64.

    Who is seen only once is left out.

    Raises:
        ValueError: nobody is seen twice.
    """
    _, person, counts = people.unique(return_inverse=True, return_counts=True)
    again = counts[person] > 1
    if not again.any():
        raise ValueError(f"an embedding of identities needs people who are seen twice: {len(people)} faces show none")
    _, person = person[again].unique(return_inverse=True)
    torch.manual_seed(config.seed)
    recogniser = _Recogniser(int(person.max()) + 1)
    return fit_labels(recogniser, images[again], person, config, loss=margin_loss, progress=progress).embedding


def verification(embeddings: Tensor, people: Tensor) -> float:
    """Area under the ROC curve of telling pairs of one person from pairs of two by the cosine: 0.5 for guesses, 1 where
    every pair of one person is closer than every other. Embeddings are unit vectors (N, D), people (N,).

    Raises:
        ValueError: no two faces are of one person, or none of two.
    """
    first, second = torch.triu_indices(len(people), len(people), 1)
    cosines = (embeddings @ embeddings.T)[first, second]
    is_same = (people[first] == people[second])[cosines.argsort()]
    if not is_same.any() or is_same.all():
        raise ValueError(f"verification needs pairs of one person and pairs of two, {len(people)} faces lack one kind")
    different_below = (~is_same).cumsum(0)[is_same].double()
    return (different_below.mean() / (~is_same).sum()).item()
