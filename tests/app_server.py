"""`python app.py` in a process of its own."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

PATIENCE = 120  # seconds for what takes one or two on an idle machine


@dataclass
class Server:
    url: str
    log: Path


@contextmanager
def serving(checkout: Path, folder: Path, **variables: str) -> Iterator[Server]:
    """The app of a checkout on a free port, with these environment variables; `folder` takes what it writes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("EXPRESSIONS_")}
    environment |= {"GRADIO_SERVER_PORT": str(port), "GRADIO_TEMP_DIR": str(folder), **variables}
    server = Server(f"http://127.0.0.1:{port}", folder / "log")
    with server.log.open("wb") as log:
        command = [sys.executable, "app.py"]
        process = subprocess.Popen(command, cwd=checkout, env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        wait_until(lambda: process.poll() is not None or "Running on" in server.log.read_text(), "the server to start")
        assert process.poll() is None, server.log.read_text()
        yield server
    finally:
        process.terminate()
        process.wait()


def wait_until(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"waited {PATIENCE} s for {what}")
        time.sleep(0.1)
