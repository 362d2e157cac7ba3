"""The page behind nginx, under a path, with the block of docs/serving.md."""

import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from gradio_client import Client
from playwright.sync_api import Browser, expect
from tabs import new_tab

from expressions.demo.state import FIRST_SEED

SERVING = Path(__file__).parents[2] / "docs" / "serving.md"
NGINX = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin:/opt/homebrew/bin")

pytestmark = [pytest.mark.slow, pytest.mark.skipif(NGINX is None, reason="nginx is not installed")]


@contextmanager
def nginx_before(server: Any, folder: Path) -> Iterator[str]:
    """Put nginx in front of a server; gives the page's address there."""
    block = re.search(r"```nginx\n(.*?)```", SERVING.read_text(), re.DOTALL)
    assert block is not None
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    location = block[1].replace("http://127.0.0.1:7860", server.url)
    configuration = folder / "nginx.conf"
    configuration.write_text(
        f"daemon off; pid {folder}/pid; error_log {folder}/errors; events {{}}"
        f"http {{ access_log off; {temporary} server {{ listen 127.0.0.1:{port}; {location} }} }}"
    )
    process = subprocess.Popen([str(NGINX), "-p", folder, "-c", configuration], stderr=subprocess.DEVNULL)
    try:
        address = f"http://127.0.0.1:{port}/faces/"
        waited = time.monotonic() + 30
        while True:
            try:
                httpx.get(address)
                break
            except httpx.ConnectError:
                assert process.poll() is None, (folder / "errors").read_text()
                assert time.monotonic() < waited
                time.sleep(0.05)
        yield address
    finally:
        process.terminate()
        process.wait()


@pytest.fixture(scope="module")
def page(start: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The page under /faces/, with the variable that goes with nginx's block."""
    with nginx_before(start(GRADIO_ROOT_PATH="/faces"), tmp_path_factory.mktemp("nginx")) as address:
        yield address


def test_a_visitor_gets_the_face_that_the_box_names(page: str, browser: Browser) -> None:
    tab = new_tab(browser)
    tab.goto(f"{page}?seed=9")
    tab.wait_for_url("**?seed=9&weights=*")  # which the page puts there with its answer
    tab.click("#next")
    tab.wait_for_url("**?seed=10&weights=*")


def test_programs_reach_the_page_and_its_pictures(page: str) -> None:
    client = Client(page, verbose=False)
    file = client.predict(seed=7, api_name="/generate")
    assert b"trainedAlgorithmicMedia" in Path(file).read_bytes()
    client.close()


def test_tools_are_called_without_a_redirect_away_from_the_path(page: str) -> None:
    request = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "generate"}}
    request["params"]["arguments"] = {"seed": 7}  # type: ignore[index]
    headers = {"Accept": "application/json, text/event-stream"}
    answer = httpx.post(f"{page}gradio_api/mcp", json=request, headers=headers, timeout=60)
    assert answer.status_code == 200
    url = re.search(r"http://[^\"\\]*\.png", answer.text)
    assert url is not None
    assert url[0].startswith(f"{page}gradio_api/file=")
    assert b"trainedAlgorithmicMedia" in httpx.get(url[0]).content


def test_where_no_answer_comes_the_box_says_what_the_picture_shows(
    server: Any, browser: Browser, tmp_path: Path
) -> None:
    with nginx_before(server, tmp_path) as address:  # without the variable
        tab = new_tab(browser)
        tab.goto(address)
        tab.wait_for_function("document.documentElement.dataset.opening === undefined")  # the first answer is given up
        box = tab.get_by_label("Seed", exact=True)
        expect(box).to_have_value(str(FIRST_SEED))
        with tab.expect_response("**/component_server/"):
            tab.click("#next")
        expect(box).to_have_value(str(FIRST_SEED))
