import pytest
import torch

from expressions.networks.files import save_network
from expressions.networks.identity import IdentityEmbedding, load_identity


@pytest.fixture
def embedding():
    torch.manual_seed(0)
    return IdentityEmbedding().eval().requires_grad_(False)


def test_an_embedding_is_a_unit_vector(embedding):
    vectors = embedding(torch.rand(4, 3, 64, 64) * 2 - 1)
    assert vectors.shape == (4, IdentityEmbedding.SIZE)
    assert torch.allclose(vectors.norm(dim=1), torch.ones(4), atol=1e-5)


def test_what_was_saved_is_read_back(embedding, tmp_path):
    save_network(embedding, tmp_path / "identity.safetensors")
    images = torch.rand(4, 3, 64, 64) * 2 - 1
    assert torch.allclose(load_identity(tmp_path / "identity.safetensors")(images), embedding(images), atol=1e-6)


def test_a_file_that_holds_something_else_is_named(tmp_path):
    (tmp_path / "broken.safetensors").write_bytes(b"no weights")
    with pytest.raises(ValueError, match=r"broken\.safetensors does not hold an identity embedding"):
        load_identity(tmp_path / "broken.safetensors")
