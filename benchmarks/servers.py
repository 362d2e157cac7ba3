"""A page served by a process of its own, and the browser that opens it: for serve.py and the tests."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

REPOSITORY = Path(__file__).parent.parent
START = 300.0  # seconds that a server may take to start, on however busy a machine


@dataclass(frozen=True)
class Server:
    """A process that serves a page, the folder where Gradio puts its files, and what it has said."""

    url: str
    process: subprocess.Popen[bytes]
    folder: Path
    log: Path


@contextmanager
def serving(*script: str, variables: Mapping[str, str] | None = None, checkout: Path = REPOSITORY) -> Iterator[Server]:
    """Run a script that launches a page, on a free port.

    Args:
        script: a file of the checkout, and its arguments.
        variables: of its environment, beside those of this process, of which no EXPRESSIONS_* is taken over.
        checkout: the folder to run it in.

    Raises:
        RuntimeError: the server did not start; with what it said.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as place:
        folder, log = Path(place) / "files", Path(place) / "log"
        environment = {name: value for name, value in os.environ.items() if not name.startswith("EXPRESSIONS_")}
        environment |= {"GRADIO_SERVER_PORT": str(port), "GRADIO_TEMP_DIR": str(folder)}
        environment |= {"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_DISABLE_TELEMETRY": "1", **(variables or {})}
        with log.open("wb") as output:
            command = [sys.executable, *script]
            process = subprocess.Popen(  # noqa: S603
                command, cwd=checkout, env=environment, stdout=output, stderr=subprocess.STDOUT
            )
        try:
            _wait_for(port, process, log)
            yield Server(f"http://127.0.0.1:{port}", process, folder, log)
        finally:
            process.terminate()
            process.wait()


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until something listens on a port."""
    deadline = time.monotonic() + START
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the server did not start: {log.read_text()}") from None
            time.sleep(0.01)
        else:
            return


@contextmanager
def browsing(flags: Sequence[str] = ()) -> Iterator[Browser]:
    """Headless Chromium, the machine's own or else Playwright's."""
    names = ("chromium", "chromium-browser", "google-chrome")
    executable = next((path for name in names if (path := shutil.which(name))), None)
    quiet = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=[*quiet, *flags])
        yield browser
        browser.close()
