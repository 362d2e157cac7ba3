import http.server
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import app
from benchmarks.servers import serving
from expressions.demo import surroundings

ROOT = Path(__file__).parents[2]
NOWHERE = "/dev/null/nowhere"  # where nobody can make a folder, not even root


def smile(url: str) -> float:
    """What a server measures; only one that came up as a whole answers."""
    asked = httpx.post(f"{url}/gradio_api/call/v2/measure", json={"seed": 7})
    events = httpx.get(f"{url}/gradio_api/call/measure/{asked.json()['event_id']}", timeout=60).text
    return json.loads(events.partition("data: ")[2])[0]["Smiling"]


def picture(url: str) -> str:
    """The address of a picture that a server drew."""
    asked = httpx.post(f"{url}/gradio_api/call/v2/generate", json={"seed": 7})
    events = httpx.get(f"{url}/gradio_api/call/generate/{asked.json()['event_id']}", timeout=60).text
    return json.loads(events.partition("data: ")[2])[0]["url"]


@pytest.fixture
def forbidding_proxy() -> Iterator[tuple[str, list[str]]]:
    """The address of a proxy that lets nothing through, and what it was asked for."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(403)

        do_HEAD = do_CONNECT = do_GET  # noqa: N815

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as proxy:
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{proxy.server_port}", asked
        proxy.shutdown()


@pytest.mark.slow
def test_proxies_folders_weights_and_terminals_that_cannot_be_used_do_not_matter(
    start: Any, forbidding_proxy: tuple[str, list[str]], tmp_path: Path
) -> None:
    (tmp_path / "config.json").write_text('{"attributes": ["Smiling"]}')
    address, asked = forbidding_proxy
    proxies = {"HTTP_PROXY": address, "http_proxy": address, "no_proxy": "example.com"}
    unreadable = {"ALL_PROXY": "socks5://127.0.0.1:9", "all_proxy": "socks://127.0.0.1:9"}
    folders = {"GRADIO_TEMP_DIR": NOWHERE, "HOME": NOWHERE, "HF_HOME": NOWHERE}
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    server = start(**proxies, **unreadable, **folders, **ascii_only, EXPRESSIONS_MODEL=str(tmp_path))
    assert 0 <= smile(server.url) <= 100
    assert asked == []
    page, log = httpx.get(server.url).text, server.log.read_text()
    assert app.FALLBACK_NOTICE in page
    assert str(tmp_path) not in page
    assert f"Not a directory: '{NOWHERE}'. Pictures go to" in log
    assert str(tmp_path) in log
    assert "no file model.safetensors" in log


@pytest.mark.slow
def test_a_server_that_stops_removes_its_own_pictures_alone(server: Any) -> None:
    folder = server.log.parent / "files"  # where `serving` lets that server make its own
    with serving("app.py", variables={"GRADIO_TEMP_DIR": str(folder)}) as stopping:
        pictures = [picture(one.url) for one in (server, stopping)]
        assert {Path(url.partition("file=")[2]).is_file() for url in pictures} == {True}
        assert len(list(folder.glob("expressions-*"))) == 2
    assert httpx.get(pictures[0]).status_code == 200
    assert len(list(folder.iterdir())) == 1


@pytest.mark.slow
def test_a_port_that_is_taken_gets_a_sentence(server: Any) -> None:
    port = server.url.rpartition(":")[2]
    variables = os.environ | {"GRADIO_SERVER_PORT": port, "GRADIO_NUM_PORTS": "1"}
    ended = subprocess.run(
        [sys.executable, "app.py"], cwd=ROOT, env=variables, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    sentence = f"No port from {port} to {port} of 127.0.0.1 can be opened. Choose another with GRADIO_SERVER_PORT"
    assert ended.stderr.startswith(sentence)


@pytest.mark.parametrize(("name", "given"), [("PORT", "http"), ("PORT", "0"), ("PORT", "65536"), ("PORT", "")])
def test_a_port_that_is_none_gets_a_sentence(monkeypatch: pytest.MonkeyPatch, name: str, given: str) -> None:
    monkeypatch.setenv(f"GRADIO_SERVER_{name}", given)
    with pytest.raises(SystemExit, match=f"GRADIO_SERVER_PORT must be a whole number from 1 to 65535, got '{given}'"):
        surroundings.check_ports()


def test_the_hub_is_asked_through_the_proxies_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surroundings, "_EXEMPTED", {"no_proxy": "intranet"})
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("no_proxy", "*")
    with surroundings.using_proxies():
        assert (os.environ.get("NO_PROXY"), os.environ["no_proxy"]) == (None, "intranet")
    assert os.environ["NO_PROXY"] == os.environ["no_proxy"] == "*"


@pytest.mark.parametrize(
    ("given", "argument"),
    [("::1", "[::1]"), ("[::]", "[::]"), ("0.0.0.0", None), ("localhost", None)],
)
def test_an_ipv6_address_goes_past_gradios_search(
    monkeypatch: pytest.MonkeyPatch, given: str, argument: str | None
) -> None:
    monkeypatch.setenv("GRADIO_SERVER_NAME", given)
    assert surroundings.ipv6_address() == argument
    assert os.environ.get("GRADIO_SERVER_NAME") == (None if argument else given)


@pytest.mark.slow
def test_reload_mode_builds_the_page_anew_when_a_file_changes(tmp_path: Path) -> None:
    watched = tmp_path / "watched.py"
    watched.touch()
    variables = {  # what `gradio app.py` sets
        "GRADIO_WATCH_DIRS": str(tmp_path),
        "GRADIO_WATCH_MODULE_NAME": "app",
        "GRADIO_WATCH_DEMO_NAME": "",
        "GRADIO_WATCH_DEMO_PATH": str(ROOT / "app.py"),
    }
    with serving("-u", "app.py", variables=variables) as server:
        before = smile(server.url)
        waited = time.monotonic() + 60
        while "Changes detected" not in server.log.read_text() and time.monotonic() < waited:
            os.utime(watched, (time.time() + 60, time.time() + 60))
            time.sleep(0.2)
        time.sleep(2)  # it is built anew
        log = server.log.read_text()
        assert "Watching demo: demo" in log
        assert "Changes detected" in log
        assert "failed" not in log
        assert smile(server.url) == before
