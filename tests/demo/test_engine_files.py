import asyncio
import gzip
import json
from typing import Any

import httpx
import pytest
import torch
from starlette.responses import PlainTextResponse
from synthetic_editor import random_chooser
from torch import nn

from expressions import Editor
from expressions.demo.engine_files import EngineFiles, EngineServer, bytes_apart, editor_numbers
from expressions.demo.onnx_files import Graph


@pytest.fixture
def small() -> Editor:
    """An editor of two attributes, with random weights, and neither chooser nor lens."""
    torch.manual_seed(0)
    return Editor(["Smiling", "Male"], width=1)


def ask(editor: Editor, path: str, method: str = "GET") -> httpx.Response:
    server = EngineServer(PlainTextResponse("another page"), EngineFiles(editor))

    async def answer() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(server), base_url="http://here") as client:
            return await client.request(method, path)

    return asyncio.run(answer())


def test_files_are_served_for_ever_and_all_else_is_left_to_the_page(small: Editor) -> None:
    files = EngineFiles(small)
    for prefix in ("", "/faces"):
        for name in ("engine.js", "vendor/ort.wasm.bundle.min.mjs", "generator.onnx.gz"):
            answer = ask(small, f"{prefix}/{files.folder}/{name}")
            assert answer.content == files.read(name)
            assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert ask(small, f"/{files.url}").headers["content-type"] == "text/javascript"
    assert ask(small, f"/{files.url}").headers["content-encoding"] == "gzip"
    assert "content-encoding" not in ask(small, f"/{files.folder}/generator.onnx.gz").headers
    assert ask(small, f"/{files.url}", "HEAD").content == b""
    for path in ("/", "/engine/engine.js", f"/{files.folder}/", f"/{files.folder}/../engine.js"):
        assert ask(small, path).text == "another page"
    assert ask(small, f"/{files.url}", "POST").text == "another page"


def test_other_weights_have_other_addresses(small: Editor) -> None:
    before = EngineFiles(small).folder
    assert EngineFiles(small).folder == before
    small.high += 1
    assert EngineFiles(small).folder != before


def test_numbers_come_back_as_they_were(small: Editor) -> None:
    small.chooser = random_chooser()
    small.response.normal_()
    read = json.loads(gzip.decompress(EngineFiles(small).read("editor.json.gz")))
    assert read["attributes"] == ["Smiling", "Male", "Skin_Tone"]
    for name, numbers in (
        ("directions", small.generator.directions),
        ("response", small.response),
        ("low", small.low),
        ("high", small.high),
    ):
        assert torch.equal(torch.tensor(read[name]), numbers)
    (weight, bias), *_ = read["chooser"]["layers"]
    assert torch.equal(torch.tensor(weight), small.chooser.layers[0].weight)
    assert torch.equal(torch.tensor(bias), small.chooser.layers[0].bias)
    assert torch.tensor(read["chooser"]["threshold"]) == small.chooser.threshold


def test_weights_without_chooser_and_lens_say_so(small: Editor) -> None:
    numbers: dict[str, Any] = editor_numbers(small)
    assert numbers["chooser"] is None
    assert numbers["hasLens"] is False


def test_bytes_are_taken_apart_one_by_one() -> None:
    assert bytes_apart(b"aAbBc") == b"abcAB"


def test_a_layer_that_cannot_be_written_is_named() -> None:
    with pytest.raises(ValueError, match="kind GELU"):
        Graph().layers([nn.GELU()], "images")
