"""Fixtures that several test modules share."""

import os

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

import pytest
import torch

from expressions import Editor


@pytest.fixture(scope="session")
def editor() -> Editor:
    """The embedded editor."""
    return Editor.from_pretrained()


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """Two threads on small batches cost more than they give, and sums depend on their number."""
    torch.set_num_threads(1)
