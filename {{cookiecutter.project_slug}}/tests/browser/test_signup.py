"""People sign up in a real browser."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Literal

import pytest
from django.core.mail import EmailMessage
from pytest_django.live_server_helper import LiveServer
from selenium.common import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver import ActionChains, Chrome, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.expected_conditions import staleness_of
from selenium.webdriver.support.wait import WebDriverWait

from accounts.models import User
from accounts.signup import sign_up
from tests.browser.chromium import WAIT_SECONDS

pytestmark = pytest.mark.django_db(transaction=True)
PASSWORD = "correct horse"


def fill_signup(browser: Chrome, site: str, **texts: str) -> WebElement:
    """Type into the form, and return its button. Emoji are pasted: the driver cannot type them."""
    browser.get(f"{site}/accounts/signup/")
    for name, text in texts.items():
        field = browser.find_element(By.NAME, name)
        browser.execute_cdp_cmd(
            "Runtime.evaluate", {"expression": f"document.querySelector('[name={name}]').focus()"}
        )
        browser.execute_cdp_cmd("Input.insertText", {"text": text})
        assert field.get_property("value") == text
    return browser.find_element(By.CSS_SELECTOR, "main form button")


def message(browser: Chrome) -> str:
    """Wait for the page that follows, and return what it says."""
    return wait(browser).until(
        lambda driver: driver.find_element(By.CSS_SELECTOR, ".messages li").text,
        "No message came after the form was sent.",
    )


def send(browser: Chrome, button: WebElement) -> None:
    """Click, and wait until the page has been replaced."""
    button.click()
    wait(browser).until(staleness_of(button), "No page came after the form was sent.")
    wait(browser).until(lambda driver: driver.find_element(By.TAG_NAME, "footer"))


def focused(browser: Chrome, name: str, value: str) -> WebElement:
    """Wait for the focus, which the browser moves after it has shown a page; return where it is."""

    def is_there(driver: Chrome) -> WebElement | Literal[False]:
        element = driver.switch_to.active_element
        return element if element.get_attribute(name) == value else False

    return wait(browser).until(is_there, f"The focus never came to {name}={value}.")


def wait(browser: Chrome) -> WebDriverWait[Chrome]:
    unstable = [NoSuchElementException, StaleElementReferenceException]
    return WebDriverWait(browser, WAIT_SECONDS, 0.05, ignored_exceptions=unstable)


def test_an_address_from_a_mail_client_and_an_emoji_name_sign_up(
    browser: Chrome, live_server: LiveServer, mailoutbox: list[EmailMessage]
) -> None:
    button = fill_signup(
        browser,
        live_server.url,
        email='"O\'Hara, Pat 🎉" <pat+shop@Example.com>',
        password=PASSWORD,
    )

    button.click()

    assert message(browser) == "Welcome, O'Hara, Pat 🎉."
    assert browser.current_url == f"{live_server.url}/"
    assert browser.find_element(By.CSS_SELECTOR, "header .person").text == "O'Hara, Pat 🎉"
    assert len(mailoutbox) == 1


def test_a_double_click_makes_one_account_and_ends_logged_in(
    browser: Chrome, live_server: LiveServer, mailoutbox: list[EmailMessage]
) -> None:
    button = fill_signup(browser, live_server.url, email="pat@example.com", password=PASSWORD)

    # Both at once: between two of the driver's own the next page may come, on a busy machine.
    browser.execute_script("arguments[0].click(); arguments[0].click()", button)

    assert message(browser) == "Welcome, pat."
    assert User.objects.count() == 1
    assert len(mailoutbox) == 1


class HeldUp:
    """Holds the first request up until the second is there: no page comes between the clicks."""

    def __init__(self) -> None:
        """Nothing has come yet."""
        self.both = threading.Barrier(2)
        self.begun: list[None] = []
        self.ended: list[None] = []

    def sign_up(self, **fields: str) -> User:
        """Sign up, once both are there. The browser may give up the first before it is sent."""
        self.begun.append(None)
        try:
            with suppress(threading.BrokenBarrierError):
                self.both.wait(WAIT_SECONDS / 6)
            return sign_up(**fields)
        finally:
            self.ended.append(None)

    def have_ended(self) -> bool:
        """Tell whether nothing is being answered any more."""
        return len(self.begun) == len(self.ended)


def test_it_works_without_scripts_too_and_twice(
    browser_without_scripts: Chrome,
    live_server: LiveServer,
    mailoutbox: list[EmailMessage],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    browser, requests = browser_without_scripts, HeldUp()
    monkeypatch.setattr("accounts.views.sign_up", requests.sign_up)
    button = fill_signup(browser, live_server.url, email="pat@example.com", password=PASSWORD)

    ActionChains(browser).double_click(button).perform()

    assert message(browser) == "Welcome, pat."
    wait(browser).until(lambda _: requests.have_ended(), "A request never ended.")
    assert User.objects.count() == 1
    assert len(mailoutbox) == 1


def test_two_browsers_at_once_share_the_account_of_one_person(
    browser: Chrome,
    second_browser: Chrome,
    live_server: LiveServer,
    mailoutbox: list[EmailMessage],
) -> None:
    buttons = [
        fill_signup(each, live_server.url, email="pat@example.com", password=PASSWORD)
        for each in (browser, second_browser)
    ]

    with ThreadPoolExecutor() as pool:
        list(pool.map(WebElement.click, buttons))

    assert message(browser) == message(second_browser) == "Welcome, pat."
    assert User.objects.count() == 1
    assert len(mailoutbox) == 1


def test_a_second_tab_of_the_same_person_ends_logged_in_too(
    browser: Chrome, live_server: LiveServer, mailoutbox: list[EmailMessage]
) -> None:
    first = browser.current_window_handle
    fill_signup(browser, live_server.url, email="pat@example.com", password=PASSWORD)
    browser.switch_to.new_window("tab")
    fill_signup(browser, live_server.url, email="pat@example.com", password=PASSWORD).click()
    assert message(browser) == "Welcome, pat."
    browser.close()
    browser.switch_to.window(first)

    browser.find_element(By.CSS_SELECTOR, "main form button").click()

    assert message(browser) == "You are logged in already, as pat@example.com."
    assert User.objects.count() == 1
    assert len(mailoutbox) == 1


def test_a_taken_address_keeps_what_was_typed_and_leads_to_the_login(
    browser: Chrome, live_server: LiveServer
) -> None:
    User.objects.create_user("pat@example.com", PASSWORD)
    button = fill_signup(
        browser, live_server.url, email="PAT@example.com", name="Pat 🎉", password="something else"
    )

    send(browser, button)

    error = browser.find_element(By.ID, "id_email_error")
    assert error.text == (
        "There is an account with this address already. Log in or reset the password."
    )
    values = [
        browser.find_element(By.NAME, name).get_property("value")
        for name in ("email", "name", "password")
    ]
    assert values == ["PAT@example.com", "Pat 🎉", ""]
    send(browser, error.find_element(By.LINK_TEXT, "Log in"))
    assert browser.current_url == f"{live_server.url}/accounts/login/"


def test_the_cursor_waits_in_the_first_field_with_an_error(
    browser: Chrome, live_server: LiveServer
) -> None:
    button = fill_signup(
        browser, live_server.url, email="pat@example.com", name="www.example.com", password="short"
    )

    send(browser, button)

    field = focused(browser, "name", "name")
    described_by = field.get_attribute("aria-describedby") or ""
    assert field.get_attribute("aria-invalid") == "true"
    assert "A name cannot contain a web address." in [
        browser.find_element(By.ID, each).text for each in described_by.split()
    ]


def test_the_form_can_be_sent_again_after_going_back(
    browser: Chrome, live_server: LiveServer
) -> None:
    send(browser, fill_signup(browser, live_server.url, email="pat", password=PASSWORD))

    left = browser.find_element(By.TAG_NAME, "html")
    browser.back()

    wait(browser).until(staleness_of(left), "It did not go back.")
    wait(browser).until(
        lambda driver: driver.find_element(By.CSS_SELECTOR, "main form button").is_enabled(),
        "The button stays disabled.",
    )


def test_a_name_made_of_markup_is_shown_and_does_nothing(
    browser: Chrome, live_server: LiveServer
) -> None:
    name = "<img src=x onerror=\"document.body.id='owned'\"><script>alert(1)</script>"

    fill_signup(
        browser, live_server.url, email="pat@example.com", name=name, password=PASSWORD
    ).click()

    assert message(browser) == f"Welcome, {name}."
    assert browser.find_element(By.TAG_NAME, "body").get_attribute("id") in {None, ""}


def test_the_first_key_offers_to_skip_the_navigation(
    browser: Chrome, live_server: LiveServer
) -> None:
    browser.get(f"{live_server.url}/accounts/login/")
    ActionChains(browser).send_keys(Keys.TAB).perform()
    link = focused(browser, "class", "skip")
    assert link.text == "Skip to the content"
    assert link.rect["y"] >= 0

    ActionChains(browser).send_keys(Keys.ENTER).perform()

    focused(browser, "id", "main")
