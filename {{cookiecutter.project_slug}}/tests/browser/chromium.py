"""Headless browsers for the tests: this machine's Chromium or Chrome, on a fresh profile."""

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

BROWSERS = ("chromium", "google-chrome", "google-chrome-stable", "chromium-browser", "chrome")
WAIT_SECONDS = 60  # for a page, on a machine that runs everything else at once
# No sandbox, for tests may run as root in a container; and nothing that calls home.
ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@contextmanager
def open_chromium(*more: str, scripts: bool = True) -> Iterator[Chrome]:
    """Start a browser of 1100x800, with `more` arguments; end it with all that it wrote."""
    with tempfile.TemporaryDirectory(prefix="browser-", ignore_cleanup_errors=True) as profile:
        driver = Chrome(options=_options(profile, scripts, more), service=Service(_driver_path()))
        try:
            driver.set_page_load_timeout(WAIT_SECONDS)
            yield driver
        finally:
            driver.quit()


def _options(profile: str, scripts: bool, more: Sequence[str]) -> ChromeOptions:
    options = ChromeOptions()
    options.binary_location = _browser_path()
    for argument in (*ARGUMENTS, *more, "--window-size=1100,800", f"--user-data-dir={profile}"):
        options.add_argument(argument)
    if not scripts:
        options.add_experimental_option(
            "prefs", {"profile.managed_default_content_settings.javascript": 2}
        )
    return options


def _browser_path() -> str:
    named = os.environ.get("CHROME_BINARY")
    return _found("browser", [named] if named else BROWSERS)


def _driver_path() -> str:
    return _found("driver", ["chromedriver"])


def _found(what: str, names: Sequence[str]) -> str:
    for name in names:
        if path := shutil.which(name):
            return path
    pytest.fail(
        f"No {what} ({', '.join(names)}) found: install Debian's `chromium` and `chromium-driver`,"
        " or Chrome with its chromedriver, or set CHROME_BINARY.",
        pytrace=False,
    )
