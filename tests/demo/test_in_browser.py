"""The page of a server, whose visitor's browser draws the faces."""

import pytest
from playwright.sync_api import Browser, Page, expect
from tabs import HERE, PATIENCE, new_tab

from benchmarks.servers import Server
from expressions import Editor

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def page(browser: Browser, server: Server) -> Page:
    """A tab that draws by itself."""
    page = new_tab(browser)
    page.goto(server.url)
    expect(page.locator("#place")).to_have_text(HERE)
    return page


def test_drags_edits_and_views_ask_the_server_for_nothing(page: Page, editor: Editor) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if request.url.startswith("http") else None)
    slider, picture = page.get_by_label("range slider for Smile"), page.locator("#face img")
    for value in ("90", "5"):
        before = picture.get_attribute("src") or ""
        slider.fill(value)
        expect(picture).not_to_have_attribute("src", before)
    page.wait_for_url("**Smiling=5&**")
    page.get_by_role("button", name="Next", exact=True).click()
    page.wait_for_url("**seed=1&**")
    own = editor.measure(editor.synthesize(editor.latents(1)))[0, editor.attributes.index("Smiling")].item()
    expect(slider).to_have_value(f"{round(own)}")
    page.get_by_role("radio", name="Filmstrip", exact=True).check(force=True)
    expect(picture).to_have_count(9)
    assert asked == []


def test_what_one_answerer_fails_at_the_next_one_answers(page: Page) -> None:
    page.evaluate("expressions.answers.connect({ faces: () => Promise.reject(new Error('its worker is gone')) })")
    page.get_by_label("Seed", exact=True).fill("7")
    page.wait_for_url("**seed=7&**")


def test_a_visitor_whose_browser_cannot_draw_is_answered_by_the_server(browser: Browser, server: Server) -> None:
    context = browser.new_context()
    context.add_init_script("delete window.DecompressionStream")
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    with page.expect_console_message(lambda message: message.text.startswith("Drawn by the server")):
        page.goto(server.url)
    before = page.locator("#face img").get_attribute("src") or ""
    page.get_by_role("button", name="Next", exact=True).click()
    expect(page.locator("#face img")).not_to_have_attribute("src", before)
    expect(page.locator("#place")).to_have_text("")
