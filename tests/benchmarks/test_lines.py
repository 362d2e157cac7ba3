import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from benchmarks.lines import line_to

BODY = bytes(20_000)


class Answers(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def url():
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def seconds(address):
    start = time.perf_counter()
    assert httpx.get(address).content == BODY
    return time.perf_counter() - start


def test_a_line_counts_what_the_server_sends(url):
    with line_to(url) as (address, line):
        seconds(address)
        assert len(BODY) < line.received < len(BODY) + 500
        seconds(address)
        assert line.received > 2 * len(BODY)


def test_a_line_delays_both_ways(url):
    with line_to(url, delay=0.1) as (address, _):
        assert seconds(address) > 0.2


def test_a_line_is_as_narrow_as_it_is_told(url):
    with line_to(url, rate=50_000) as (address, _):
        assert seconds(address) > len(BODY) / 50_000
