"""A browser for each test, and a second one for those who meet."""

from collections.abc import Iterator

import pytest
from selenium.webdriver import Chrome

from tests.browser.chromium import open_chromium


@pytest.fixture(scope="session")
def _warm_browser() -> Iterator[Chrome]:
    with open_chromium() as driver:
        yield driver


@pytest.fixture
def browser(_warm_browser: Chrome) -> Iterator[Chrome]:
    """A browser that knows nobody; the process is shared, for starting one takes seconds."""
    yield _warm_browser
    _warm_browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    _warm_browser.execute_cdp_cmd("Network.clearBrowserCookies", {})
    _warm_browser.get("about:blank")


@pytest.fixture
def second_browser() -> Iterator[Chrome]:
    """Another person's browser."""
    with open_chromium() as driver:
        yield driver


@pytest.fixture
def browser_without_scripts() -> Iterator[Chrome]:
    """A browser that runs no scripts."""
    with open_chromium(scripts=False) as driver:
        yield driver
