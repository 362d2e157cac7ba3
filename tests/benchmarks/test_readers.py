import torch

from benchmarks.readers import AttributeReader


class Colours(torch.nn.Module):
    """Reads two attributes off the red at the left and the green of a face."""

    def forward(self, images):
        return torch.stack([images[:, 0, :, :32].mean((1, 2)), images[:, 1].mean((1, 2)) - 0.3], 1)


def test_a_reader_reads_in_standard_deviations_from_borders_that_it_knows():
    faces = torch.rand(500, 3, 1, 2, generator=torch.Generator().manual_seed(0)).repeat_interleave(32, 3)
    reader = AttributeReader(Colours(), ("Left", "Male", "Skin_Tone"), faces.expand(-1, -1, 64, -1).contiguous())
    raw = reader.raw(faces.expand(-1, -1, 64, -1))
    expected = (torch.tensor([0.0, 0.0, 28.0]) - raw.mean(0)) / raw.std(0)
    assert torch.allclose(reader.border, expected)
    ends = (raw.quantile(torch.tensor([0.01, 0.99]), dim=0) - raw.mean(0)) / raw.std(0)
    assert torch.allclose(reader.values(ends), torch.tensor([[0.0], [100.0]]).expand(-1, 3), atol=1e-2)
