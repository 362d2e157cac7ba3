import html
import io
import json
import math
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import httpx
import numpy as np
import pytest
import torch
from gradio_client import Client
from nuisances import NUISANCES
from PIL import Image
from synthetic_editor import random_chooser, synthetic_editor

from expressions import Editor
from expressions.demo.api import Api
from expressions.demo.faces import FaceCache
from expressions.demo.state import State

SERVING = (Path(__file__).parents[2] / "docs" / "serving.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def api(editor: Editor) -> Api:
    return Api(FaceCache(editor))


NONSENSE: list[tuple[str, tuple[object, ...], str]] = [
    *[("generate", (seed, {}), "whole number from 0 to 4294967295") for seed in NUISANCES],
    *[("generate", (7, {"Smiling": value}), "from 0 to 100") for value in NUISANCES if value != 1.5],
    ("generate", ("7.5", {}), "whole number from 0 to 4294967295"),
    ("generate", ("[" * 10**5, {}), "whole number from 0 to 4294967295"),
    ("generate", (7, {"Smiling": "a lot"}), "from 0 to 100"),
    ("generate", (7, {"Smiling": [90]}), "from 0 to 100"),
    ("generate", (7, {"x" * 10**5: 90}), "unknown attribute '" + "x" * 39 + ";"),
    ("generate", (7, {"Cheerful": 50}), "Cheerful"),
    ("generate", (7, "Smiling"), "by name"),
    ("measure", (7, [90]), "by name"),
    ("measure", (7, []), "by name"),
    *[("sweep", (7, "Smiling", steps), "steps must be a whole number from 2 to 21") for steps in (1, 2.5, math.nan)],
    ("sweep", (7, "Cheerful"), "Cheerful"),
    ("sweep", (7, None), "None"),
    ("morph", (7, -1), "to must be a whole number from 0 to 4294967295"),
    ("morph", (7, 8, 10**9), "frames must be a whole number from 2 to 48"),
    *[("generate", (7, {}, attempts), "attempts must be a whole number from 1 to 8") for attempts in (0, 9, None)],
    ("generate", (7, {}, 3), "attempts must be 1 or 8, got 3"),
    *[("batch", (seeds,), "1 to 64 seeds") for seeds in ([], list(range(65)), "7")],
    ("batch", ([7, None],), "whole number"),
]


@pytest.mark.parametrize(("endpoint", "given", "sentence"), NONSENSE, ids=lambda value: repr(value)[:24])
def test_nonsense_gets_a_sentence(api: Api, endpoint: str, given: tuple[object, ...], sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        getattr(api, endpoint)(*given)


def test_pictures_are_those_of_the_editor_and_marked(api: Api, editor: Editor) -> None:
    picture = Image.open(api.generate(3, {"Smiling": 80, "Bald": 10.5}))
    assert picture.tobytes() == editor.render(3, {"Smiling": 80, "Bald": 10.5}, size=512).tobytes()
    assert "trainedAlgorithmicMedia" in picture.text["XML:com.adobe.xmp"]  # type: ignore[attr-defined]
    (first, name), _ = api.batch([3, 4], {"Smiling": 80})
    assert name == "3"
    assert Image.open(first).tobytes() == editor.render(3, {"Smiling": 80}, size=512).tobytes()


def test_a_picture_that_is_asked_for_again_is_not_written_again(api: Api) -> None:
    file = Path(api.generate(30, {}))
    file.write_bytes(b"read by somebody")
    assert api.generate(30, {}) == str(file)
    assert file.read_bytes() == b"read by somebody"
    file.unlink()  # or others would be shown it


def test_a_value_that_is_none_is_refused_after_its_equal_was_drawn(api: Api) -> None:
    api.generate(7, {"Smiling": 1})
    with pytest.raises(ValueError, match="from 0 to 100, got True"):
        api.generate(7, {"Smiling": True})


def test_texts_of_json_are_read_as_language_models_write_them(api: Api) -> None:
    assert api.generate("7", '{"Smiling": "90"}') == api.generate(7, {"Smiling": 90})
    assert api.generate("7.0", "null") == api.generate(7)
    assert api.batch("[7, 8]") == api.batch([7, 8])


def state_in(packet: str) -> State:
    """The state of the link in a picture's XMP."""
    link = re.search(r'Recipe="[?]([^"]*)"', packet)
    assert link is not None
    fields = dict(parse_qsl(html.unescape(link[1])))
    targets = {"Smiling": float(fields["Smiling"])} if "Smiling" in fields else {}
    to, attempts = (int(fields.get(name, getattr(State, name))) for name in ("to", "attempts"))
    return State(int(fields["seed"]), targets, fields.get("view", "face"), to=to, attempts=attempts)


def test_the_link_in_a_picture_brings_its_very_face_back(api: Api) -> None:
    file, _ = api.sweep(3, "Smiling", 4)[1]  # a third of the way, which no decimal is
    state = state_in(Image.open(file).text["XML:com.adobe.xmp"])  # type: ignore[attr-defined]
    assert Image.open(api.generate(state.seed, state.targets)).tobytes() == Image.open(file).tobytes()


@pytest.mark.slow
def test_a_sweep_goes_from_0_to_100_and_says_what_was_measured(api: Api, editor: Editor) -> None:
    answers = api.sweep(3, "Smiling", 3.0, {"Young": 20})
    for (file, caption), value in zip(answers, (0, 50, 100), strict=True):
        assert Image.open(file).tobytes() == editor.render(3, {"Young": 20, "Smiling": value}, size=512).tobytes()
        measured = api.measure(3, {"Young": 20, "Smiling": value})["Smiling"]
        assert caption == f"Smiling {value}: {measured:.0f}"


def test_a_morph_goes_there_and_back_with_the_same_changes_and_says_how(api: Api, editor: Editor) -> None:
    file = Image.open(api.morph(7, 8, 3.0, {"Smiling": 90}))
    assert file.n_frames == 4  # type: ignore[attr-defined]
    expected = np.asarray(editor.render(7, {"Smiling": 90}, size=file.width), int)
    assert np.abs(np.asarray(file.convert("RGB"), int) - expected).mean() < 5  # WebP loses some
    assert state_in(file.info["xmp"].decode()) == State(7, {"Smiling": 90}, "morph", to=8)


def test_programs_may_ask_for_the_plain_draw_and_its_link_brings_it_back() -> None:
    editor = synthetic_editor()
    editor.chooser = random_chooser()
    choosy = Api(FaceCache(editor))
    seeds = (seed for seed in range(100) if not torch.equal(editor.latents(seed), editor.latents(seed, attempts=1)))
    seed = next(seeds)
    plain, chosen = (Image.open(choosy.generate(seed, {"Smiling": 80}, attempts)) for attempts in ("1", 8))
    assert plain.tobytes() == editor.render(seed, {"Smiling": 80}, size=512, attempts=1).tobytes()
    assert chosen.tobytes() == editor.render(seed, {"Smiling": 80}, size=512).tobytes()
    assert state_in(plain.text["XML:com.adobe.xmp"]) == State(seed, {"Smiling": 80}, attempts=1)  # type: ignore[attr-defined]
    assert choosy.measure(seed, {}, 1) != choosy.measure(seed)
    ((batched, _),) = choosy.batch([seed], {"Smiling": 80}, 1)
    assert Image.open(batched).tobytes() == plain.tobytes()
    (swept, _), *_ = choosy.sweep(seed, "Male", 2, None, 1)
    assert Image.open(swept).tobytes() == editor.render(seed, {"Male": 0}, size=512, attempts=1).tobytes()
    with Image.open(choosy.morph(seed, seed, 2, None, 1)) as loop:
        assert state_in(loop.info["xmp"].decode()) == State(seed, {}, "morph", to=seed, attempts=1)


def test_every_attribute_is_listed_with_what_may_go_along(api: Api, editor: Editor) -> None:
    rows = {row["name"]: row for row in api.attributes()}
    assert tuple(rows) == editor.attributes
    assert rows["Smiling"]["slider"]
    assert "High_Cheekbones" in rows["Smiling"]["along"]
    assert not rows["Blurry"]["slider"]


# Over the network ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def client(server: Any) -> Any:
    client = Client(server.url, verbose=False)
    yield client
    client.close()


def run_example(title: str, address: str = "") -> dict[str, Any]:
    """Run the Python code under a title of docs/serving.md; returns its names."""
    code = re.search(r"```python\n(.*?)```", SERVING.partition(f"## {title}")[2].partition("\n## ")[0], re.DOTALL)
    assert code is not None
    names: dict[str, Any] = {}
    exec(code[1].replace("http://127.0.0.1:7860", address), names)  # noqa: S102
    return names


@pytest.mark.slow
def test_the_examples_of_the_page_on_serving_run(server: Any, capsys: pytest.CaptureFixture[str]) -> None:
    here = run_example("From Python")
    shapes = {name: tuple(here[name].shape) for name in ("z", "images", "values", "z2")}
    assert shapes == {"z": (3, 100), "images": (3, 3, 64, 64), "values": (3, 41), "z2": (3, 100)}
    assert here["picture"].size == (512, 512)
    asked = run_example("From a script", server.url)
    assert "Smiling" in capsys.readouterr().out
    assert Image.open(asked["picture"]).tobytes() == here["picture"].tobytes()
    files = [asked["picture"], asked["loop"], *(row["image"] for row in (*asked["faces"], *asked["several"]))]
    assert len(files) == 2 + 5 + 3
    for file in files:  # as they came over the network
        assert b"trainedAlgorithmicMedia" in Path(file).read_bytes()


@pytest.mark.slow
def test_plain_http_is_answered_and_wrong_values_disturb_nobody(server: Any, client: Client, editor: Editor) -> None:
    def post(endpoint: str, **fields: object) -> tuple[str, Any]:
        address = f"{server.url}/gradio_api/call"
        begun = httpx.post(f"{address}/v2/{endpoint}", json=fields)
        if begun.status_code != 200:
            return "error", begun.text
        events = httpx.get(f"{address}/{endpoint}/{begun.json()['event_id']}", timeout=60).text.strip().splitlines()
        return events[-2].removeprefix("event: "), json.loads(events[-1].removeprefix("data: "))

    for seed in (None, "x", -1, 1e20, 1.5, True, [], {}):
        event, data = post("generate", seed=seed)
        assert event == "error"
        assert "whole number from 0 to 4294967295" in str(data)
    assert "whole number from 0 to 4294967295" not in server.log.read_text()
    event, data = post("generate", seed=7, attributes={"Smiling": 90})
    assert event == "complete"
    picture = Image.open(io.BytesIO(httpx.get(data[0]["url"]).content))
    assert picture.tobytes() == editor.render(7, {"Smiling": 90}, size=512).tobytes()
    assert post("measure", seed=7)[1][0]["Smiling"] == client.predict(seed=7, api_name="/measure")["Smiling"]


WRONG: list[tuple[str, object, str]] = [
    ("v2/generate", {"seed": 7, "bogus": 2}, "generate takes no 'bogus'; it takes seed, attributes, attempts"),
    ("v2/attributes", {"seed": 7}, "attributes takes no 'seed'; it takes nothing"),
    ("v2/morph", {"seed": 7}, "morph needs 'to'"),
    ("v2/cheer", {"seed": 7}, "there is no endpoint 'cheer'; there are generate, measure, sweep,"),
    ("v2/answer", {}, "there is no endpoint 'answer'"),  # the page's own
    ("v2/generate", [7], "dictionary"),
    ("generate", {"data": [7]}, "generate takes 3 values in a list (seed, attributes, attempts), got 1"),
    ("cheer", {"data": [7]}, "there is no endpoint 'cheer'"),
]


@pytest.mark.slow
def test_what_an_endpoint_does_not_have_gets_a_sentence_and_no_traceback(server: Any) -> None:
    for path, body, sentence in WRONG:
        answer = httpx.post(f"{server.url}/gradio_api/call/{path}", json=body)
        assert answer.status_code == 422
        assert sentence in str(answer.json()["detail"])
    event = httpx.post(f"{server.url}/gradio_api/call/v2/attributes", json={}).json()["event_id"]
    fetched = [httpx.get(f"{server.url}/gradio_api/call/attributes/{event}", timeout=60) for _ in range(2)]
    assert [answer.status_code for answer in fetched] == [200, 422]
    assert fetched[1].json()["detail"] == f"there is no event '{event}', or its answer was fetched already"
    assert "Traceback" not in server.log.read_text()
