"""`python app.py`, as a visitor's machine would run it."""

import os
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).parent.parent
PATIENCE = 120  # seconds for what takes one or two on an idle machine


@dataclass
class Server:
    """A running page."""

    url: str
    log: Path
    process: subprocess.Popen[bytes]

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()


def start_server(folder: Path, source: Path = REPOSITORY, **variables: str) -> Server:
    """Start the page on a free port, with these environment variables; its files and its log go to `folder`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("EXPRESSIONS_")}
    environment |= {"GRADIO_SERVER_PORT": str(port), "GRADIO_TEMP_DIR": str(folder), **variables}
    log = folder / "log"
    with log.open("wb") as output:
        command = [sys.executable, "app.py"]
        process = subprocess.Popen(command, cwd=source, env=environment, stdout=output, stderr=subprocess.STDOUT)
    server = Server(f"http://127.0.0.1:{port}", log, process)
    wait_until(lambda: process.poll() is not None or "Running on" in log.read_text(), "the server to start")
    assert process.poll() is None, log.read_text()
    return server


def wait_until(condition: Any, what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"waited {PATIENCE} s for {what}")
        time.sleep(0.1)
