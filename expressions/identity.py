"""Who a face shows: an embedding learned from CelebA's identities, alike for two pictures of one person."""

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, linear, normalize, one_hot

from .classifier import AttributeClassifier, ClassifierConfig, FitOptions, augment, fit_labels
from .errors import first_line
from .options import option
from .runs import save_network

_MARGIN, _SCALE = 0.2, 20.0
VERIFIED = 4000  # faces, at most, whose pairs fit into memory


@dataclass(frozen=True, kw_only=True)
class IdentityConfig(ClassifierConfig):
    """Every option of the embedding's fit."""

    test_split: str = option("valid", "split to report the verification on")
    out: str = option("runs/identity", "folder for the embedding and its verification")
    epochs: int = option(30, "passes over the faces", above=0)


class IdentityEmbedding(nn.Module):
    """Convolutional network, that of the attribute classifier, to the unit sphere; the cosine of two embeddings tells
    whether they are of one person."""

    SIZE = 128
    MAPS = AttributeClassifier.MAPS

    def __init__(self) -> None:
        super().__init__()
        self.network = AttributeClassifier(self.SIZE)

    def forward(self, images: Tensor) -> Tensor:
        """Images (N, 3, 64, 64) in [-1, 1] -> unit vectors (N, 128)."""
        return normalize(self.network(images).float(), dim=1)

    def maps(self, images: Tensor) -> list[Tensor]:
        """What the layers see of images (N, 3, 64, 64) in [-1, 1]: the last features of each side, `MAPS`."""
        return self.network.maps(images)


class _Recogniser(nn.Module):
    """The embedding with a unit vector for each person: images -> cosines (N, P)."""

    def __init__(self, people: int) -> None:
        super().__init__()
        self.embedding = IdentityEmbedding()
        self.people = nn.Parameter(torch.randn(people, IdentityEmbedding.SIZE))

    def forward(self, images: Tensor) -> Tensor:
        return linear(self.embedding(images), normalize(self.people, dim=1))


def margin_loss(cosines: Tensor, person: Tensor) -> Tensor:
    """Cross-entropy of scaled cosines (N, P), that of the right person (N,) less a margin (CosFace, Wang et al. 2018,
    arXiv:1801.09414, eq. 4)."""
    return cross_entropy(_SCALE * (cosines - _MARGIN * one_hot(person, cosines.shape[1])), person)


def fit_identity(images: Tensor, people: Tensor, config: FitOptions) -> IdentityEmbedding:
    """Fit an embedding that tells people apart, on faces that `augment` changes. Who is seen once only is left out.

    Args:
        images: (N, 3, 64, 64) uint8.
        people: (N,) int64, a number for each person.
        config: the options.

    Returns:
        The embedding on the CPU, in evaluation mode.

    Raises:
        ValueError: nobody is seen twice; or as for `fit_labels`.
        FloatingPointError: as for `fit_labels`.
    """
    _, person, counts = people.unique(return_inverse=True, return_counts=True)
    again = counts[person] > 1
    if not again.any():
        raise ValueError(f"an embedding of identities needs people who are seen twice: {len(people)} faces show none")
    _, person = person[again].unique(return_inverse=True)
    torch.manual_seed(config.seed)
    recogniser = _Recogniser(int(person.max()) + 1)
    return fit_labels(recogniser, images[again], person, config, augment, loss=margin_loss).embedding


def verification(embeddings: Tensor, people: Tensor) -> float:
    """Area under the ROC curve of telling, by the cosine, pairs of one person from pairs of two.

    Args:
        embeddings: unit vectors (N, D); the first `VERIFIED` are compared.
        people: (N,).

    Returns:
        0.5 for guesses, 1 where every pair of one person is closer than every other.

    Raises:
        ValueError: no two faces are of one person, or none of two.
    """
    embeddings, people = embeddings[:VERIFIED], people[:VERIFIED]
    first, second = torch.triu_indices(len(people), len(people), 1)
    cosines = (embeddings @ embeddings.T)[first, second]
    is_same = (people[first] == people[second])[cosines.argsort()]
    if not is_same.any() or is_same.all():
        raise ValueError(f"verification needs pairs of one person and pairs of two, {len(people)} faces lack one kind")
    different_below = (~is_same).cumsum(0)[is_same].double()
    return (different_below.mean() / (~is_same).sum()).item()


def save_identity(embedding: IdentityEmbedding, path: Path) -> None:
    """Write the weights.

    Raises:
        RunError: the disk is full or the folder cannot be written; `path` is as it was.
    """
    save_network(embedding, path)


def load_identity(path: Path) -> IdentityEmbedding:
    """Read what `save_identity` wrote, in evaluation mode.

    Raises:
        ValueError: the file is missing or does not hold this embedding.
    """
    embedding = IdentityEmbedding()
    try:
        embedding.load_state_dict(load_file(path))
    except Exception as error:  # safetensors and torch have no common type for a broken file
        raise ValueError(f"{path} does not hold an identity embedding: {first_line(error)}") from error
    return embedding.eval().requires_grad_(False)
