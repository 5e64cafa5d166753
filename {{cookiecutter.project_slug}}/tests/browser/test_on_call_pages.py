"""The pages for who is on call: named and labelled, on a phone, by keyboard, without scripts."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from pytest_django.live_server_helper import LiveServer
from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.wait import WebDriverWait

from accounts.models import User
from config.on_call import NAME as ON_CALL
from patterns.durable_tasks.admin import progress
from patterns.durable_tasks.models import State, TaskRow
from tests.browser.chromium import WAIT_SECONDS
from tests.browser.pages import Page

pytestmark = pytest.mark.django_db(transaction=True)
FAILED, TASKS = "/admin/durable_tasks/failedtask/", "/admin/durable_tasks/taskrow/"
FAIL = """
INSERT INTO durable_tasks_task (id, name, queue, state, reason, error, traceback, arguments, shown,
    failed_at, first_failed_at)
SELECT gen_random_uuid(), 'accounts.rebuild_everything_of_a_customer_at_once_and_again', 'mail', %s,
    'error', 'ValueError: ' || repeat('unbroken', 60), repeat('x', 300), '[[1], {}]',
    '["(1,)", "{}"]', clock_timestamp(), clock_timestamp() FROM generate_series(1, %s)
"""
PHONE = {"width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": True}


def fail(count: int, state: State = State.FAILED) -> TaskRow:
    """Make so many rows; return the last one."""
    with connection.cursor() as cursor:
        cursor.execute(FAIL, [state.value, count])
    row: TaskRow = TaskRow.objects.filter(state=state).latest("failed_at")
    return row


@pytest.fixture
def kim() -> User:
    user = User.objects.create_user("kim@example.com", name="Kim", is_staff=True)
    user.groups.add(Group.objects.get(name=ON_CALL))
    return user


@pytest.fixture
def opened(browser: Chrome, live_server: LiveServer, kim: User) -> Callable[[str], Chrome]:
    """Return a function that opens a page as somebody on call."""
    return opener(browser, live_server, kim)


def opener(browser: Chrome, live_server: LiveServer, user: User) -> Callable[[str], Chrome]:
    client = Client()
    client.force_login(user)
    browser.get(f"{live_server.url}/accounts/login/")
    browser.add_cookie({"name": "sessionid", "value": client.cookies["sessionid"].value})

    def begin(address: str) -> Chrome:
        browser.get(live_server.url + address)
        return browser

    return begin


def addresses() -> list[str]:
    """Make rows; return every page of the pattern that there is."""
    row, waiting = fail(3), fail(3, State.READY)
    TaskRow.objects.filter(pk=waiting.pk).update(failures=0)
    return [
        *(FAILED, f"{FAILED}{row.pk}/change/", f"{FAILED}replay/?all=1", f"{FAILED}discard/?all=1"),
        *(TASKS, f"{TASKS}{waiting.pk}/change/", f"{TASKS}cancel/?state=1"),
        *("/admin/durable_tasks/event/", f"{FAILED}?text=nothing"),
    ]


def waits(browser: Chrome, text: str) -> None:
    words = lambda _: text in browser.find_element(By.TAG_NAME, "body").text  # noqa: E731
    patience(browser).until(words, f"never shown: {text}")


def focused(browser: Chrome, text: str) -> None:
    """Wait until the focus is on what says this."""
    is_there = lambda _: browser.switch_to.active_element.text == text  # noqa: E731
    patience(browser).until(is_there, f"never in focus: {text}")


def patience(browser: Chrome) -> WebDriverWait[Chrome]:
    # A page that goes on by itself may turn between the two steps of a look.
    turned = (StaleElementReferenceException, NoSuchElementException)
    return WebDriverWait(browser, WAIT_SECONDS, 0.1, ignored_exceptions=turned)


def test_every_page_is_named_labelled_and_free_of_inline_code(kim: User) -> None:
    client = Client()
    client.force_login(kim)
    for address in addresses():
        response = client.get(address)
        assert response.status_code == 200, address
        assert Page(response.content.decode()).faults() == [], address


def test_no_page_is_wider_than_a_phone(opened: Callable[[str], Chrome]) -> None:
    for address in addresses():
        browser = opened("/")
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", PHONE)
        opened(address)
        assert browser.execute_script("return document.documentElement.scrollWidth") <= 360, address


def test_a_name_that_somebody_made_long_hides_no_other_task(
    opened: Callable[[str], Chrome],
) -> None:
    row = fail(1)
    TaskRow.objects.filter(pk=row.pk).update(name="<b>evil</b>" * 45, reason="malformed")
    for address in (FAILED, f"{FAILED}replay/?all=1"):
        cells = opened(address).find_elements(By.CSS_SELECTOR, "#content tbody th")
        assert cells
        assert max(cell.size["height"] for cell in cells) < 150, address


def test_all_are_replayed_by_keyboard_alone(opened: Callable[[str], Chrome]) -> None:
    fail(3)
    browser = opened(FAILED)
    for _ in range(60):
        browser.switch_to.active_element.send_keys(Keys.TAB)
        if browser.switch_to.active_element.text == "Replay all 3…":
            break
    browser.switch_to.active_element.send_keys(Keys.ENTER)
    waits(browser, "Replay 3 failed tasks?")
    # The browser moves the focus after it has shown the page.
    focused(browser, "Replay 3 tasks")
    browser.switch_to.active_element.send_keys(Keys.ENTER)
    waits(browser, "3 tasks were replayed.")


def test_what_is_given_up_is_not_what_enter_does(opened: Callable[[str], Chrome]) -> None:
    fail(3)
    browser = opened(f"{FAILED}discard/?all=1")
    assert not browser.find_elements(By.CSS_SELECTOR, "[autofocus]")
    assert browser.switch_to.active_element.tag_name == "body"


def test_one_box_ticks_all_of_the_page(opened: Callable[[str], Chrome]) -> None:
    fail(3)
    browser = opened(FAILED)
    browser.find_element(By.CSS_SELECTOR, ".tick-all").click()
    browser.find_element(By.CSS_SELECTOR, "form.rows button.replay").click()
    waits(browser, "Replay 3 failed tasks?")


def test_many_go_on_by_themselves(
    opened: Callable[[str], Chrome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "SECONDS_A_REQUEST", 0)
    fail(2500)
    browser = opened(f"{FAILED}replay/?all=1")
    browser.find_element(By.CSS_SELECTOR, "button.replay").click()
    waits(browser, "2,500 tasks were replayed.")
    assert TaskRow.objects.filter(state=State.READY).count() == 2500


def test_without_scripts_a_button_goes_on(
    browser_without_scripts: Chrome,
    live_server: LiveServer,
    kim: User,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(progress, "SECONDS_A_REQUEST", 0)
    fail(1500)
    browser = opener(browser_without_scripts, live_server, kim)(f"{FAILED}replay/?all=1")
    browser.find_element(By.CSS_SELECTOR, "button.replay").click()
    waits(browser, "1,000 of 1,500 tasks replayed so far.")
    browser.find_element(By.CSS_SELECTOR, "button.replay").click()
    waits(browser, "1,500 tasks were replayed.")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_dark_and_light_are_readable(opened: Callable[[str], Chrome], scheme: str) -> None:
    """Of what the pattern colours itself, each on its own ground: 4.5 to 1 and more."""
    row = fail(3)
    browser = opened("/")
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    for address in (FAILED, f"{FAILED}{row.pk}/change/"):
        opened(address)
        selector = ".exception, .tag, .quiet, .state-failed, .traceback pre, .button"
        found = browser.find_elements(By.CSS_SELECTOR, f"#content :is({selector})")
        assert found
        for element in found:
            assert browser.execute_script(CONTRAST, element) >= 4.5, element.text


CONTRAST = """
const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
const over = (colors) => {
  for (const color of colors) { canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1); }
  return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
};
const light = (rgb) => rgb.map((part) => part / 255).map(
  (part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
).reduce((sum, part, n) => sum + part * [0.2126, 0.7152, 0.0722][n], 0);
const grounds = ["white"];
const above = [];
for (let each = arguments[0]; each; each = each.parentElement) above.unshift(each);
for (const each of above) grounds.push(getComputedStyle(each).backgroundColor);
const ground = light(over(grounds));
const ink = light(over([...grounds, getComputedStyle(arguments[0]).color]));
return (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05);
"""
