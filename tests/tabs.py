"""Tabs of a browser that draws the faces itself, on a machine that may be busy."""

from playwright.sync_api import Browser, Page

PATIENCE = 120_000  # milliseconds
HERE = "These faces are drawn in your browser."


def new_tab(browser: Browser) -> Page:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(PATIENCE)
    return page
