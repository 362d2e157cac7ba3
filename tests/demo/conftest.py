from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect
from tabs import PATIENCE

from benchmarks.servers import browsing


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    expect.set_options(timeout=PATIENCE)
    with browsing() as browser:
        yield browser
