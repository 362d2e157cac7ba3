"""What surrounds the server: ports, proxies, the folder of its files.

Gradio reads them when it is imported, so this module comes first, and sets them right.
"""

import atexit
import io
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


def ipv6_address() -> str | None:
    """Take an IPv6 address out of GRADIO_SERVER_NAME, as an argument for `launch`: Gradio looks for a free port of what
    the variable names with IPv4."""
    given = os.environ.get("GRADIO_SERVER_NAME", "").strip("[]")
    if ":" not in given:
        return None
    del os.environ["GRADIO_SERVER_NAME"]
    return f"[{given}]"


def no_address() -> str:
    """What to do where Gradio found no port that it can listen at."""
    name = IPV6_ADDRESS or os.environ.get("GRADIO_SERVER_NAME", "127.0.0.1")
    first = int(os.environ.get("GRADIO_SERVER_PORT", "7860"))
    last = first + int(os.environ.get("GRADIO_NUM_PORTS", "100")) - 1
    return (
        f"No port from {first} to {last} of {name} can be opened. "
        "Choose another with GRADIO_SERVER_PORT, or another address of this machine with GRADIO_SERVER_NAME."
    )


def own_folder() -> None:
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
        own_folder()
        return
    os.environ["GRADIO_TEMP_DIR"] = folder
    atexit.register(shutil.rmtree, folder, ignore_errors=True)


def prepare_to_serve() -> None:
    """Let a terminal of any encoding print everything, and SIGTERM stop the server and remove its folder."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # Gradio prints emoji

    def stop(*_: object) -> None:
        shutil.rmtree(os.environ["GRADIO_TEMP_DIR"], ignore_errors=True)
        os._exit(0)  # the first process of a container has no other way

    signal.signal(signal.SIGTERM, stop)


check_ports()
avoid_proxies()
IPV6_ADDRESS = ipv6_address()
own_folder()
