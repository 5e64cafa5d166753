"""Flower's own pages, in a browser, behind nginx: whole, and what they show is shown, never run."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest
from celery import Celery
from django.conf import global_settings, settings
from django.contrib.auth.models import Group
from django.contrib.sessions.models import Session
from pytest_django import Settings
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from accounts.models import User
from config import on_call
from development.testing import stop, worker_environment
from tests.browser.chromium import open_chromium
from tests.deploy.site import NAME, Site

pytestmark = pytest.mark.django_db(transaction=True)
PASSWORD = "a long password of the tests"
DEADLINE_SECONDS = 60.0
TABS = "main [data-bs-toggle=tab]"
SIGN = "window.ran"  # what a script that is run leaves behind
SCRIPTS = (
    f"<script>{SIGN}=1</script>",
    f"<img src=x onerror={SIGN}=2>",
    f'"><svg onload={SIGN}=3>',
    f"'+({SIGN}=4)+'",
    f"</textarea><a href=javascript:{SIGN}=5>x</a>",
    f"{{{{ {SIGN} }}}}",
)


@pytest.fixture(scope="module")
def _browser() -> Iterator[Chrome]:
    here = f"--host-resolver-rules=MAP {NAME} 127.0.0.1"
    with open_chromium(here, "--ignore-certificate-errors") as driver:
        yield driver


@pytest.fixture
def browser(_browser: Chrome, site: Site, settings: Settings) -> Chrome:
    """Return a browser in which somebody who is on call has just logged in, asked by Flower."""
    settings.PASSWORD_HASHERS = global_settings.PASSWORD_HASHERS  # the site's, not the tests'
    user = User.objects.create_user("ada@example.com", PASSWORD, is_staff=True)
    user.groups.add(Group.objects.get(name=on_call.NAME))
    _browser.get("about:blank")
    # Flower's tables remember what was searched for.
    everything = {"origin": site.url, "storageTypes": "all"}
    _browser.execute_cdp_cmd("Storage.clearDataForOrigin", everything)
    _browser.execute_cdp_cmd("Network.clearBrowserCookies", {})
    _browser.get(f"{site.url}/flower/shop/tasks")
    assert "/accounts/login/?next=%2Fflower%2Fshop%2Ftasks" in _browser.current_url
    _browser.find_element(By.NAME, "username").send_keys(user.email)
    _browser.find_element(By.NAME, "password").send_keys(PASSWORD)
    _browser.find_element(By.CSS_SELECTOR, "main form button").click()
    wait_for(lambda: _browser.current_url == f"{site.url}/flower/shop/tasks")
    severe(_browser)  # what the login page said is not Flower's
    return _browser


def test_every_page_is_whole_and_its_links_stay_below_its_own_address(
    browser: Chrome, site: Site
) -> None:
    tell(site, "an-id", "shop.greet", "", "celery@here")
    for name in settings.FLOWER_PORTS:
        base = f"/flower/{name}/"
        task = ["task/an-id"] if name == "shop" else []
        for path in ("", "workers", "tasks", "broker", *task):
            browser.get(f"{site.url}{base}{path}")
            assert browser.execute_script("return document.styleSheets.length") >= 3, path
            links = browser.execute_script(
                "return [...document.querySelectorAll('a[href],script[src],link[href]')]"
                ".map(each => each.href || each.src)"
            )
            own = [link for link in links if link.startswith(site.url)]
            assert len(own) > 8
            assert [link for link in own if not link.startswith(f"{site.url}{base}")] == []
            assert severe(browser) == [], path


def test_a_task_is_found_in_the_table_and_leads_to_its_page(browser: Chrome, site: Site) -> None:
    tell(site, "another-id", "shop.greet", "", "celery@here")
    browser.get(f"{site.url}/flower/shop/tasks")
    wait_for(lambda: "shop.greet" in browser.find_element(By.ID, "tasks-table").text)
    browser.find_element(By.CSS_SELECTOR, "a[href='/flower/shop/task/another-id']").click()
    wait_for(lambda: browser.current_url == f"{site.url}/flower/shop/task/another-id")
    page = browser.find_element(By.TAG_NAME, "main").text
    assert "shop.greet" in page
    assert "Terminate" not in page, "an action is offered"


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_in_whatever_a_task_or_a_worker_says_is_shown(
    browser: Chrome, site: Site, script: str
) -> None:
    task = f"id-{SCRIPTS.index(script)}{script}"
    tell(site, task, f"name{script}", script, f"celery{script}@here")
    for path in ("tasks", f"task/{quote(task, safe='')}", ""):
        browser.get(f"{site.url}/flower/shop/{path}")
        wait_for(lambda: script in shown(browser))
        assert_nothing_ran(browser, path)
    for path in (f"tasks?name={quote(script)}", quote(script, safe="")):
        browser.get(f"{site.url}/flower/shop/{path}")
        assert_nothing_ran(browser, path)


def test_a_script_in_the_name_of_a_real_worker_is_shown(browser: Chrome, site: Site) -> None:
    # Flower asks this one, and has a page of what it answers.
    name = f"<img src=x onerror={SIGN}=1>@here"
    command = [sys.executable, "-m", "celery", "-A", "config", "worker", "-Q", "default"]
    worker = subprocess.Popen(
        [*command, "-n", name, "-P", "solo", "--without-mingle"],
        cwd=settings.BASE_DIR,
        env=worker_environment() | {"BROKER_URL": site.broker.url},
    )
    try:
        page = f"{site.url}/flower/shop/worker/{quote(name, safe='')}"
        wait_for(lambda: is_shown(browser, page, name))
        assert_nothing_ran(browser, page)
        for tab in browser.find_elements(By.CSS_SELECTOR, TABS):
            tab.click()
            assert_nothing_ran(browser, tab.text)
        assert not browser.find_elements(By.ID, "worker-shut-down"), "an action is offered"
    finally:
        stop(worker)


def is_shown(browser: Chrome, page: str, words: str) -> bool:
    """Open a page, and tell whether these words are on it."""
    browser.get(page)
    has_tabs = bool(browser.find_elements(By.CSS_SELECTOR, TABS))
    return has_tabs and words in shown(browser)


def shown(browser: Chrome) -> str:
    """Return the text of the page, as it is before lines are broken."""
    return str(browser.find_element(By.TAG_NAME, "main").get_attribute("textContent"))


def severe(browser: Chrome) -> list[str]:
    """Return what the browser's console has complained of since it was asked last."""
    log: Any = browser.get_log("browser")  # type: ignore[no-untyped-call]  # selenium types it not
    return [entry["message"] for entry in log if entry["level"] == "SEVERE"]


def assert_nothing_ran(browser: Chrome, where: str) -> None:
    """Assert that no script of a task's left its sign, nor waits for a click to do so."""
    assert browser.execute_script(f"return {SIGN}") is None, where
    made = browser.find_elements(By.CSS_SELECTOR, "main img[src=x], main [onload], [href^=javasc]")
    assert made == [], where


def tell(site: Site, task: str, name: str, words: str, worker: str) -> None:
    """Say as a worker would that it took a task and that it failed, until Flower has heard it."""
    app = Celery(broker=site.broker.url, set_as_current=False)
    with app.connection() as connection, app.events.Dispatcher(connection, worker) as events:

        def is_heard() -> bool:
            now = {"uuid": task, "retries": 0}
            events.send("worker-online", freq=2.0, sw_ident=words, sw_ver=words, sw_sys=words)
            events.send("task-received", name=name, args=words, kwargs=words, **now)
            events.send("task-failed", exception=f"E({words!r})", traceback=words, **now)
            return site.ask(f"/flower/shop/task/{quote(task, safe='')}", session()).status == 200

        wait_for(is_heard)


def session() -> str:
    """Return the newest session's key."""
    return str(Session.objects.latest("expire_date").pk)


def wait_for(find: Callable[[], Any]) -> None:
    """Return once it is true; fail after the deadline."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not find():
        assert time.monotonic() < deadline, f"waited for {DEADLINE_SECONDS} s"
        time.sleep(0.1)
