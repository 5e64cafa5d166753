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
    window = _warm_browser.current_window_handle
    yield _warm_browser
    for each in set(_warm_browser.window_handles) - {window}:  # of a test that failed amid them
        _warm_browser.switch_to.window(each)
        _warm_browser.close()
    _warm_browser.switch_to.window(window)
    _warm_browser.get("about:blank")  # first: a page that asks on would get a cookie again
    _warm_browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    _warm_browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {})
    _warm_browser.execute_cdp_cmd("Network.clearBrowserCookies", {})


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
