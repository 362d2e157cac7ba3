"""The page without a server, from a plain file server, in Chromium."""

import base64
import gzip
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from playwright.sync_api import Browser, Page, expect
from tabs import HERE, hosting, new_tab

import train
from expressions import Editor
from expressions.demo.engine_files import EngineFiles
from expressions.demo.site import export_site
from expressions.images import to_pil

ASKED = {"Smiling": 90.0}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site") / "faces"
    train.main(["export", "--out", str(folder)])
    return folder


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    """The site, under a path of its own."""
    with hosting(site.parent) as address:
        yield f"{address}/faces/"


def visit(browser: Browser, url: str) -> tuple[Page, list[str]]:
    """A tab in which the engine is there, and all that was said or went wrong in it."""
    page = new_tab(browser)
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(url)
    expect(page.locator("#place")).to_have_text(HERE)
    return page, said


def picture_of(url: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2])))


@pytest.mark.slow
def test_a_link_opens_its_face_measured_in_the_browser(browser: Browser, address: str, editor: Editor) -> None:
    page, said = visit(browser, f"{address}?seed=7&Smiling=90")
    expect(page.locator("html")).not_to_have_attribute("data-opening", "link")
    face = editor.follow(editor.look(editor.latents(7)), ASKED)
    shown = np.asarray(picture_of(page.locator("#face img").get_attribute("src") or "").convert("RGB")).astype(int)
    assert np.abs(shown - np.asarray(to_pil(editor.enlarge(face.image)[0]))).max() <= 1
    page.locator("#changes summary").click()
    row = page.locator("#changes tr.asked")
    smile = round(face.values[editor.attributes.index("Smiling")].item())
    expect(row).to_contain_text("Smile")
    expect(row.locator("td").nth(1)).to_have_text(f"{smile}")
    assert said == []


@pytest.mark.slow
def test_sliders_views_and_marked_files_need_no_server(browser: Browser, address: str, editor: Editor) -> None:
    page, said = visit(browser, address)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    before = page.locator("#face img").get_attribute("src")
    page.get_by_label("range slider for Smile").fill("90")
    expect(page.locator("#face img")).not_to_have_attribute("src", before or "")
    expect(page).to_have_url(re.compile("Smiling=90"))
    for view, count in (("Compare", 2), ("Filmstrip", 9), ("Map", 25), ("Morph", 1), ("Face", 1)):
        page.get_by_role("radio", name=view, exact=True).check(force=True)
        expect(page.locator("#face img")).to_have_count(count)
    page.locator("#share summary").click()
    with page.expect_download() as saving:
        page.get_by_text("PNG, 256 pixels").click()
    with Image.open(saving.value.path()) as picture:
        assert picture.size == (256, 256)
        assert f"weights={editor.fingerprint()}" in picture.info["XML:com.adobe.xmp"]
    assert [url for url in asked if url.startswith("http")] == []
    assert said == []


@pytest.mark.slow
def test_all_that_a_browser_loads_is_at_most_12_megabytes(site: Path) -> None:
    loaded = [path.read_bytes() for path in site.glob("engine/**/*") if path.is_file() and path.suffix != ".txt"]
    assert sum(len(gzip.compress(file)) for file in loaded) <= 12_000_000
    assert max(map(len, loaded)) < 10_000_000  # what a Space takes without more ado


def test_an_export_replaces_an_earlier_one_but_nothing_else(tmp_path: Path) -> None:
    torch.manual_seed(0)
    editor = Editor(["Smiling", "Male"], width=1)
    files = EngineFiles(editor)
    (tmp_path / "engine/old").mkdir(parents=True)
    with pytest.raises(ValueError, match="holds other files"):
        export_site(editor, tmp_path)
    (tmp_path / "index.html").touch()
    export_site(editor, tmp_path)
    expected = {"index.html", *(f"{files.folder}/{name}" for name in files.names)}
    assert {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()} == expected
    page = (tmp_path / "index.html").read_text()
    (start,) = re.findall(r'id="opening">(.*)</script>', page)
    assert json.loads(start)["engine"] == f"{files.folder}/engine.js"
