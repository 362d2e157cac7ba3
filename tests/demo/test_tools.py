import asyncio
import base64
import io
import json
from typing import Any

import gradio as gr
import httpx
import pytest
from PIL import Image
from synthetic_editor import synthetic_editor

from expressions.demo.api import Api, add_endpoints
from expressions.demo.faces import FaceCache
from expressions.demo.turns import Turns

ACCEPT = {"Accept": "application/json, text/event-stream"}


def call(server: Any, name: str, **arguments: object) -> dict[str, Any]:
    """What a tool of the server answers."""
    request = {"method": "tools/call", "params": {"name": name, "arguments": arguments}}
    address = f"{server.url}/gradio_api/mcp"
    answer = httpx.post(address, json={"jsonrpc": "2.0", "id": 1, **request}, headers=ACCEPT, timeout=60)
    assert answer.status_code == 200  # a redirect would lead away from a proxy's prefix and https
    return json.loads(answer.text.partition("data: ")[2])["result"]


def pictures(answer: dict[str, Any]) -> list[bytes]:
    return [base64.b64decode(part["data"]) for part in answer["content"] if part["type"] == "image"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "arguments", "frames"),
    [
        ("generate", {"seed": "7", "attributes": '{"Smiling": "90"}'}, [1]),
        ("sweep", {"seed": 7, "steps": 3, "attributes": None}, [1, 1, 1]),
        ("batch", {"seeds": [7, 8]}, [1, 1]),
        ("morph", {"seed": 7, "to": 8, "frames": 3}, [4]),
    ],
)
def test_a_tool_gives_the_marked_files(server: Any, name: str, arguments: dict[str, Any], frames: list[int]) -> None:
    answer = call(server, name, **arguments)
    files = pictures(answer)
    assert [getattr(Image.open(io.BytesIO(file)), "n_frames", 1) for file in files] == frames
    assert all(b"trainedAlgorithmicMedia" in file and b"seed=7" in files[0] for file in files)
    told = answer["structuredContent"]
    assert json.loads(answer["content"][-1]["text"]) == told
    assert [httpx.get(picture["url"]).content for picture in told["pictures"]] == files
    kinds = {part["mimeType"] for part in answer["content"] if part["type"] == "image"}
    assert kinds == {"image/webp" if name == "morph" else "image/png"}


@pytest.mark.slow
def test_a_tool_gives_numbers_and_rows_as_json(server: Any) -> None:
    measured = call(server, "measure", seed=7)
    assert json.loads(measured["content"][0]["text"]) == measured["structuredContent"]
    assert 0 <= measured["structuredContent"]["Smiling"] <= 100
    rows = call(server, "attributes")["structuredContent"]["rows"]
    assert "Smiling" in [row["name"] for row in rows]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "arguments", "sentence"),
    [
        ("generate", {"seed": 7, "bogus": 2}, "generate takes no 'bogus'; it takes seed, attributes, attempts"),
        ("generate", {}, "generate needs 'seed'"),
        ("generate", {"seed": -1}, "seed must be a whole number from 0 to 4294967295, got -1"),
        ("cheer", {}, "there is no tool 'cheer'; there are generate, measure, sweep, morph, batch, attributes"),
    ],
)
def test_a_wrong_call_gets_a_sentence(server: Any, name: str, arguments: dict[str, Any], sentence: str) -> None:
    answer = call(server, name, **arguments)
    assert answer["isError"]
    assert answer["content"][0]["text"] == sentence
    assert "Traceback" not in server.log.read_text()


@pytest.mark.slow
def test_the_tools_have_described_parameters(server: Any) -> None:
    tools = {tool["name"]: tool for tool in httpx.get(f"{server.url}/gradio_api/mcp/schema").json()}
    assert tools.keys() >= {"generate", "measure", "sweep", "morph", "batch", "attributes"}
    assert "synthetic face" in tools["generate"]["description"]
    assert "whole number from 0" in tools["generate"]["inputSchema"]["properties"]["seed"]["description"]


def test_calls_beyond_their_places_are_told() -> None:
    async def generate() -> None:
        with gr.Blocks() as demo:
            add_endpoints(Api(FaceCache(synthetic_editor())), Turns(at_once=1, places=0))
        await demo.fns[0].fn(7)

    with pytest.raises(gr.Error, match="0 requests are waiting already"):
        asyncio.run(generate())
