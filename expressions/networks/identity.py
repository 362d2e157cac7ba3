"""Who a face shows: an embedding learned from CelebA's identities, alike for two pictures of one person."""

from pathlib import Path

from torch import Tensor, nn
from torch.nn.functional import normalize

from ..errors import weights_errors
from .classifier import AttributeClassifier
from .files import load_tensors, read_tensors


class IdentityEmbedding(nn.Module):
    """The attribute classifier's convolutions, to the unit sphere. The larger the cosine of two embeddings, the
    likelier is it that they show one person."""

    SIZE = 128

    def __init__(self) -> None:
        super().__init__()
        self.network = AttributeClassifier(self.SIZE)

    def forward(self, images: Tensor) -> Tensor:
        """Images (N, 3, 64, 64) in [-1, 1] -> unit vectors (N, 128)."""
        return normalize(self.network(images).float(), dim=1)


def load_identity(path: Path) -> IdentityEmbedding:
    """Read an embedding that `save_network` wrote, in evaluation mode.

    Raises:
        WeightsError: the file is missing or does not hold an identity embedding.
    """
    embedding = IdentityEmbedding()
    with weights_errors(f"{path} does not hold an identity embedding"):
        load_tensors(embedding, read_tensors(path)[0])
    return embedding.eval().requires_grad_(False)
