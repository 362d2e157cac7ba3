"""Fixtures that several test modules share."""

import os

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import torch

from benchmarks.servers import Server, serving
from expressions import Editor
from expressions.training.edit_loss import EditLoss
from expressions.training.metrics import Probe


@pytest.fixture(scope="session")
def editor() -> Editor:
    """The embedded editor."""
    return Editor.from_pretrained()


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """Two threads on small batches cost more than they give, and sums depend on their number."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def _few_faces() -> Iterator[None]:
    """Judge each tick of a training, find its first directions and try those of a fit on a few faces: thousands would
    take most of the time of the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Probe, "COUNT", 16)
        patch.setattr(EditLoss, "FIRST_FACES", 250)
        patch.setattr("expressions.training.editor_fit.RESPONSE_FACES", 16)
        yield


@pytest.fixture(scope="session")
def start() -> Iterator[Any]:
    """Start `python app.py` on a free port, with these environment variables."""
    with ExitStack() as servers:

        def start(**variables: str) -> Server:
            return servers.enter_context(serving("app.py", variables=variables))

        yield start


@pytest.fixture(scope="session")
def server(start: Any) -> Server:
    """The page with the embedded weights."""
    return start()
