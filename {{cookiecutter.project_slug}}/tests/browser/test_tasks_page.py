"""The page "Tasks" follows what happens, leaves alone what somebody uses, and fits a phone."""

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer
from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from accounts.models import User
from config.on_call import NAME as ON_CALL
from patterns.durable_tasks.models import QueueRow, State, TaskRow
from patterns.failure_check.models import Alarm, Run
from tests.browser.chromium import WAIT_SECONDS

pytestmark = pytest.mark.django_db(transaction=True)
PHONE = {"width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": True}


@pytest.fixture
def kim() -> User:
    user = User.objects.create_user("kim@example.com", name="Kim", is_staff=True)
    user.groups.add(Group.objects.get(name=ON_CALL))
    Run.objects.create(at=timezone.now(), by="beat", watched_since=timezone.now())
    return user


def open_page(browser: Chrome, live_server: LiveServer, user: User) -> Chrome:
    client = Client()
    client.force_login(user)
    browser.get(f"{live_server.url}/accounts/login/")
    browser.add_cookie({"name": "sessionid", "value": client.cookies["sessionid"].value})
    browser.get(f"{live_server.url}/tasks/")
    browser.execute_script("window.sameDocument = true")
    return browser


@pytest.fixture
def page(browser: Chrome, live_server: LiveServer, kim: User) -> Chrome:
    return open_page(browser, live_server, kim)


def waits(browser: Chrome, text: str) -> None:
    unstable = [NoSuchElementException, StaleElementReferenceException]
    WebDriverWait(browser, WAIT_SECONDS, ignored_exceptions=unstable).until(
        lambda page: text in page.find_element(By.TAG_NAME, "main").text
    )


def test_an_alarm_comes_and_goes_without_a_reload(page: Chrome) -> None:
    waits(page, "All clear!")
    Alarm.objects.create(
        name="late",
        source="check",
        severity="warning",
        sentence="Queue mail is late.",
        remedy="Start its worker.",
        raised_at=timezone.now(),
        told=[],
        owed=[],
    )
    waits(page, "Start its worker.")
    Alarm.objects.all().delete()
    waits(page, "All clear!")
    assert page.execute_script("return window.sameDocument") is True


def test_what_somebody_has_opened_stays_open_while_the_rest_goes_on(page: Chrome) -> None:
    row = "tr[data-part='queue-mail']"
    page.find_element(By.CSS_SELECTOR, f"{row} summary").click()
    for queue in ("mail", "default"):
        TaskRow.objects.create(name="x", queue=queue, state=State.READY, arguments="[[], {}]")
    WebDriverWait(page, WAIT_SECONDS).until(
        lambda _: cell(page, "default") == "1"  # so the refresh has come
    )
    page.find_element(By.CSS_SELECTOR, f"{row} button[name=pause]").click()
    waits(page, "Queue mail is paused")
    assert QueueRow.objects.get(name="mail").is_paused
    page.find_element(By.CSS_SELECTOR, f"{row} button[name=resume]").click()
    waits(page, "Queue mail is open")
    assert not QueueRow.objects.get(name="mail").is_paused


def cell(page: Chrome, queue: str) -> str:
    try:
        return page.find_element(By.CSS_SELECTOR, f"tr[data-part='queue-{queue}'] .number").text
    except StaleElementReferenceException:  # replaced between the two calls
        return ""


def test_who_is_logged_out_is_told_that_the_page_is_old(page: Chrome, kim: User) -> None:
    kim.set_unusable_password()  # ends the sessions
    kim.save()
    waits(page, "What stands here is old.")


def test_it_fits_a_phone(browser: Chrome, live_server: LiveServer, kim: User) -> None:
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", PHONE)
    TaskRow.objects.create(
        name="x", queue="a_queue_with_quite_a_long_name", state=State.READY, arguments="[[], {}]"
    )
    page = open_page(browser, live_server, kim)
    assert page.execute_script("return document.documentElement.scrollWidth") <= PHONE["width"]
    table = page.find_element(By.CSS_SELECTOR, ".table")
    assert page.execute_script("return arguments[0].scrollWidth", table) <= PHONE["width"]


def test_without_scripts_it_is_refreshed_all_the_same(
    browser_without_scripts: Chrome, live_server: LiveServer, kim: User
) -> None:
    client = Client()
    client.force_login(kim)
    browser_without_scripts.get(f"{live_server.url}/accounts/login/")
    cookie = {"name": "sessionid", "value": client.cookies["sessionid"].value}
    browser_without_scripts.add_cookie(cookie)
    browser_without_scripts.get(f"{live_server.url}/tasks/")
    waits(browser_without_scripts, "All clear!")
    refresh = browser_without_scripts.find_element(By.CSS_SELECTOR, "meta[http-equiv=refresh]")
    assert refresh.get_attribute("content") == "15"
