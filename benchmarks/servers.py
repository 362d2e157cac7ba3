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
    """A process that serves a page, and the file of what it has said."""

    url: str
    log: Path


@contextmanager
def serving(*script: str, variables: Mapping[str, str] | None = None, checkout: Path = REPOSITORY) -> Iterator[Server]:
    """Run a script that launches a page, on a free port.

    Args:
        script: what Python runs: a file of the checkout, or `-m` and a module; and its arguments.
        variables: of its environment, beside those of this process, of which no EXPRESSIONS_* is taken over.
        checkout: the folder to run it in.

    Raises:
        RuntimeError: the server did not start; with what it said.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("EXPRESSIONS_")}
        environment |= {"GRADIO_SERVER_PORT": str(port), "GRADIO_TEMP_DIR": f"{folder}/files"}
        environment |= {"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_DISABLE_TELEMETRY": "1", **(variables or {})}
        log = Path(folder) / "log"
        with log.open("wb") as output:
            process = subprocess.Popen(  # noqa: S603
                [sys.executable, *script], cwd=checkout, env=environment, stdout=output, stderr=subprocess.STDOUT
            )
        try:
            deadline = time.monotonic() + START
            while not _listens(port):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"the server did not start: {log.read_text()}")
                time.sleep(0.01)
            yield Server(f"http://127.0.0.1:{port}", log)
        finally:
            process.terminate()
            process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as connection:
        return connection.connect_ex(("127.0.0.1", port)) == 0


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
