"""What surrounds the server: ports, proxies, the folder of its files.

Gradio reads them when it is imported, so this module comes first, and sets them right.
"""

import atexit
import logging
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

logger = logging.getLogger("expressions.app")

_EXEMPT = ("NO_PROXY", "no_proxy")
_EXEMPTED = {name: os.environ[name] for name in _EXEMPT if name in os.environ}


def avoid_proxies() -> None:
    """Let Gradio ask its own page, which no proxy knows, and be imported where a proxy has an address that it cannot
    read."""
    os.environ.update(dict.fromkeys(_EXEMPT, "*"))


@contextmanager
def using_proxies() -> Iterator[None]:
    """Reach the Hub as this machine reaches everything else."""
    for name in _EXEMPT:
        del os.environ[name]
    os.environ.update(_EXEMPTED)
    try:
        yield
    finally:
        avoid_proxies()


def check_ports() -> None:
    """Stop with a sentence where Gradio would stop with a traceback."""
    for name, most in (("GRADIO_SERVER_PORT", 65535), ("GRADIO_NUM_PORTS", 65536)):
        given = os.environ.get(name, "1")
        if not (given.isdecimal() and 1 <= int(given) <= most):
            sys.exit(f"{name} must be a whole number from 1 to {most}, got {given!r:.40}")


def no_address() -> str:
    """What to do where Gradio found no port that it can listen at."""
    name, first = os.environ.get("GRADIO_SERVER_NAME", "127.0.0.1"), int(os.environ.get("GRADIO_SERVER_PORT", "7860"))
    last = first + int(os.environ.get("GRADIO_NUM_PORTS", "100")) - 1
    return (
        f"No port from {first} to {last} of {name} can be opened. "
        "Choose another with GRADIO_SERVER_PORT, or another address of this machine with GRADIO_SERVER_NAME."
    )


def own_folder() -> str:
    """Make a folder for the pictures of this server, in GRADIO_TEMP_DIR if that is set; it goes when the server stops.

    In Gradio's own folder servers remove each other's pictures, and one of another user cannot be written to.
    """
    asked = os.environ.get("GRADIO_TEMP_DIR")
    try:
        if asked:
            Path(asked).mkdir(parents=True, exist_ok=True)
        folder = tempfile.mkdtemp(prefix="expressions-", dir=asked)
    except OSError as error:
        if not asked:
            sys.exit(f"No folder for pictures: {error}. Name one that can be written to with TMPDIR.")
        logger.warning("GRADIO_TEMP_DIR: %s. Pictures go to the system's temporary folder instead.", error)
        del os.environ["GRADIO_TEMP_DIR"]
        return own_folder()
    os.environ["GRADIO_TEMP_DIR"] = folder
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def stop_at_sigterm() -> None:
    """Remove the folder when the server is told to stop, too; as the first process of a container, stop at all."""

    def stop(*_: object) -> None:
        shutil.rmtree(FOLDER, ignore_errors=True)
        os._exit(0)

    signal.signal(signal.SIGTERM, stop)


check_ports()
avoid_proxies()
FOLDER = own_folder()
