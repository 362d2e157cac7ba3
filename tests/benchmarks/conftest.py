import pytest
import torch

from benchmarks.readers import AttributeReader


@pytest.fixture
def reader():
    """A reader whose `Male` changes sides at 0.5, and who reads 0 as the value 0, 1 as 100."""
    reader = AttributeReader.__new__(AttributeReader)
    reader.names = ("Smiling", "Male", "Young", "Skin_Tone")
    reader.border, reader.deviation = torch.tensor([0.0, 0.5, 0.0, 0.1]), torch.tensor([1.0, 1.0, 1.0, 8.0])
    reader.low, reader.high = torch.zeros(4), torch.ones(4)
    return reader
