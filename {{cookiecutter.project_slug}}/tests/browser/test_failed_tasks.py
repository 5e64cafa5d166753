"""The story's afternoon: mails fail, staff find out why, repair the cause, and replay them all."""

from collections.abc import Callable
from time import monotonic, sleep

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer
from selenium.common import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from accounts.models import User
from config.on_call import NAME as ON_CALL
from development.testing import SmtpServer
from patterns.durable_tasks import failed
from patterns.durable_tasks.models import Event, TaskRow

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("broker_url")]
WAIT_SECONDS = 60  # a worker and a browser, on a machine that runs everything else at once
REFUSAL = "550 5.7.1 Relaying denied: the shop's address is not on our list"
CUSTOMERS = [f"customer{n}@example.com" for n in range(5)]
PASSWORD = "lanterns and bells"


@pytest.fixture(autouse=True)
def _queued_mail(settings: Settings) -> None:
    """Take back what pytest-django does to the mail backend."""
    settings.EMAIL_BACKEND = "patterns.queued_mail.backend.EmailBackend"


@pytest.fixture
def on_call(browser: Chrome, live_server: LiveServer) -> User:
    """Log in somebody who may do what the group on call may, on the shop's first page."""
    user = User.objects.create_user("kim@example.com", PASSWORD, name="Kim", is_staff=True)
    user.groups.add(Group.objects.get(name=ON_CALL))
    browser.get(f"{live_server.url}/accounts/login/")
    browser.find_element(By.NAME, "username").send_keys(user.email)
    browser.find_element(By.NAME, "password").send_keys(PASSWORD)
    click(browser, "Log in", within="main")
    return user


@pytest.fixture
def failures(
    smtp_server: SmtpServer, celery_worker_process: Callable[[str], object], live_server: LiveServer
) -> list[TaskRow]:
    """Five customers' welcome mails, which the mail server refuses."""
    smtp_server.refusal = REFUSAL
    celery_worker_process("mail")
    for address in CUSTOMERS:
        Client().post("/accounts/signup/", {"email": address, "password": PASSWORD})
    eventually(lambda: TaskRow.objects.filter(state=4).count() == len(CUSTOMERS))
    return list(TaskRow.objects.filter(state=4))


def eventually(is_so: Callable[[], object]) -> None:
    deadline = monotonic() + WAIT_SECONDS
    while not is_so():
        assert monotonic() < deadline, "it did not happen in time"
        sleep(0.1)


def wait(browser: Chrome) -> WebDriverWait[Chrome]:
    unstable = [NoSuchElementException, StaleElementReferenceException]
    return WebDriverWait(browser, WAIT_SECONDS, 0.1, ignored_exceptions=unstable)


def click(browser: Chrome, text: str, within: str = "body") -> None:
    """Click the first link or button that says so, and wait for the next page."""
    page = browser.find_element(By.TAG_NAME, "html")
    for element in browser.find_elements(By.CSS_SELECTOR, f"{within} a, {within} button"):
        if element.text.strip().lower() == text.lower() and element.is_displayed():
            element.click()
            wait(browser).until(lambda _: browser.find_element(By.TAG_NAME, "html") != page)
            return
    raise AssertionError(f"Nothing on this page says {text!r}:\n{words(browser)}")


def words(browser: Chrome) -> str:
    """Return what can be read on the page."""
    return browser.find_element(By.TAG_NAME, "body").text


def test_mails_that_failed_are_understood_replayed_and_delivered_once_each(
    browser: Chrome, failures: list[TaskRow], on_call: User, smtp_server: SmtpServer
) -> None:
    [alarm] = failed.alarms()
    assert alarm.startswith("5 tasks queued_mail.deliver failed (MailRefused)")

    click(browser, "Failed tasks")
    shows(browser, "5 tasks have failed")
    shows(browser, REFUSAL)
    open_row(browser, CUSTOMERS[0])
    shows(browser, REFUSAL)
    shows(browser, f"to {CUSTOMERS[0]}: Welcome")
    assert "somebody mistyped an address" not in browser.page_source, "what a mail says is shown"

    # Too soon: the cause is still there, and the same row comes back: it fails five times.
    for times in range(2, 6):
        click(browser, "Replay")
        eventually(TaskRow.objects.filter(state=4, failures=times).exists)
        wait(browser).until(lambda page: reloaded(page) and "5 tasks have failed" in words(page))
        shows(browser, f"failed {times} times")
        if times < 5:
            open_row(browser, CUSTOMERS[0])

    smtp_server.refusal = ""
    click(browser, "Replay all 5…")
    assert smtp_server.messages == [], "it has not been confirmed"
    click(browser, "Replay 5 tasks")
    shows(browser, "5 tasks were replayed")
    wait(browser).until(lambda page: reloaded(page) and "All clear" in words(page))

    delivered = sorted(each for mail in smtp_server.messages for each in mail.rcpt_tos)
    assert delivered == CUSTOMERS
    assert failed.alarms() == []
    assert not TaskRow.objects.filter(name="queued_mail.deliver").exists()
    first = next(row for row in failures if kinds(row).count("replayed") == 5)
    assert kinds(first) == [*["failed", "replayed"] * 5, "succeeded"]
    people = Event.objects.filter(kind="replayed").values_list("by", flat=True)
    assert all(on_call.email in by for by in people)


def open_row(browser: Chrome, address: str) -> None:
    """Follow the row of the mail to an address."""
    rows = browser.find_elements(By.CSS_SELECTOR, "form.rows tbody tr")
    [row] = [row for row in rows if address in row.text]
    page = browser.find_element(By.TAG_NAME, "html")
    row.find_element(By.CSS_SELECTOR, "th a").click()
    wait(browser).until(lambda _: browser.find_element(By.TAG_NAME, "html") != page)


def shows(browser: Chrome, text: str) -> None:
    wait(browser).until(lambda page: text in words(page), f"never shown: {text}")


def reloaded(browser: Chrome) -> Chrome:
    browser.refresh()
    return browser


def kinds(row: TaskRow) -> list[str]:
    """Return what has happened to a task, in order."""
    return list(Event.objects.filter(task_id=row.pk).order_by("pk").values_list("kind", flat=True))
