"""A customer buys in a real browser, and watches the order without reloading."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer
from selenium.common import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver import ActionChains, Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

from accounts.models import User
from development.testing import PaymentProvider
from purchases.models import Order, Product
from tests.browser.pages import Page

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("broker_url")]
WAIT_SECONDS = 60  # two workers and a browser, on a machine that runs everything else at once
Browse = Callable[[Chrome], None]


@pytest.fixture
def product(transactional_db: None) -> Product:
    return Product.objects.create(
        slug="kite", name="Kite <b>Ö</b>", description="Flies.", price_cents=123405
    )


@pytest.fixture
def enter(product: Product, live_server: LiveServer) -> Browse:
    """Log a browser in, on the catalogue."""
    client = Client()
    client.force_login(User.objects.create_user("zoe@example.com", "pw-pw-pw-9", name="Zoë"))

    def log_in(browser: Chrome) -> None:
        browser.get(f"{live_server.url}/")
        browser.add_cookie({"name": "sessionid", "value": client.cookies["sessionid"].value})
        browser.get(f"{live_server.url}/")

    return log_in


def wait(browser: Chrome) -> WebDriverWait[Chrome]:
    unstable = [NoSuchElementException, StaleElementReferenceException]
    return WebDriverWait(browser, WAIT_SECONDS, 0.1, ignored_exceptions=unstable)


def button(browser: Chrome) -> WebElement:
    return browser.find_element(By.CSS_SELECTOR, "#kite button")


def buy(browser: Chrome) -> Order:
    button(browser).click()
    wait(browser).until(lambda page: "/orders/" in page.current_url)
    return Order.objects.get(pk=browser.current_url.rstrip("/").rpartition("/")[2])


def states(browser: Chrome) -> list[str | None]:
    found = browser.find_elements(By.CSS_SELECTOR, ".steps li")
    return [step.get_dom_attribute("class") for step in found]


def shows(browser: Chrome, text: str) -> Any:
    return wait(browser).until(
        lambda page: text in page.find_element(By.TAG_NAME, "main").text, f"never shown: {text}"
    )


def test_an_order_is_charged_packed_and_mailed_before_the_customers_eyes(
    enter: Browse,
    browser: Chrome,
    settings: Any,
    payment_provider: PaymentProvider,
    smtp_server: Any,
    celery_worker_process: Callable[[str], Any],
) -> None:
    settings.EMAIL_BACKEND = "patterns.queued_mail.backend.EmailBackend"
    enter(browser)
    order = buy(browser)
    browser.execute_script("window.isStillTheSamePage = true")
    assert states(browser) == ["done", "current", "waiting", "current"]

    celery_worker_process("purchasing")
    wait(browser).until(lambda page: states(page) == ["done", "done", "done", "current"])
    shows(browser, "Paid and packed.")
    shows(browser, f"PACK-IN SHEET, ORDER {order.number}")
    celery_worker_process("mail")
    wait(browser).until(lambda page: states(page) == ["done"] * 4)
    shows(browser, "All clear: paid and packed.")

    assert browser.execute_script("return window.isStillTheSamePage") is True
    assert len(payment_provider.charges()["charges"]) == 1
    assert [mail.rcpt_tos for mail in smtp_server.messages] == [["zoe@example.com"]]
    asked = "return performance.getEntriesByType('resource').length"
    before = browser.execute_script(asked)
    browser.execute_async_script("setTimeout(arguments[0], 2500)")
    assert browser.execute_script(asked) == before, "it goes on asking after the end"


def test_a_declined_card_is_said_without_reloading(enter: Browse, browser: Chrome) -> None:
    enter(browser)
    order = buy(browser)
    order.declined_at, order.decline_reason = timezone.now(), "too <b>little</b> money"
    order.save()
    shows(browser, "Payment declined. Nothing was charged")
    shows(browser, "too <b>little</b> money")
    assert states(browser) == ["done", "failed", "failed", "current"]


def test_a_lost_network_is_said_quietly_and_passes(enter: Browse, browser: Chrome) -> None:
    enter(browser)
    order = buy(browser)
    conditions = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    browser.execute_cdp_cmd("Network.enable", {})
    browser.execute_cdp_cmd("Network.emulateNetworkConditions", conditions | {"offline": True})
    try:
        shows(browser, "We cannot reach the shop right now. Your order is kept")
        order.charged_at = timezone.now()
        order.save()
    finally:
        browser.execute_cdp_cmd("Network.emulateNetworkConditions", conditions | {"offline": False})
    shows(browser, "Paid. We are packing your parcel.")
    assert "cannot reach" not in browser.find_element(By.TAG_NAME, "main").text


def test_who_was_logged_out_meanwhile_is_told(enter: Browse, browser: Chrome) -> None:
    enter(browser)
    buy(browser)
    browser.delete_cookie("sessionid")
    shows(browser, "You are logged out. Log in again to follow your order.")


def test_without_scripts_the_page_reloads_itself(
    enter: Browse, browser_without_scripts: Chrome
) -> None:
    browser = browser_without_scripts
    enter(browser)
    order = buy(browser)
    order.charged_at = order.packed_at = order.mailed_at = timezone.now()
    order.save()
    shows(browser, "All clear: paid and packed.")


def test_a_double_click_buys_once(enter: Browse, browser: Chrome) -> None:
    enter(browser)
    ActionChains(browser).double_click(button(browser)).perform()
    wait(browser).until(lambda page: "/orders/" in page.current_url)
    assert Order.objects.count() == 1


def test_the_form_of_one_page_buys_once_in_two_tabs(enter: Browse, browser: Chrome) -> None:
    enter(browser)
    browser.execute_script("document.querySelector('#kite form').target = '_blank'")
    for _ in range(2):
        browser.execute_script("HTMLFormElement.prototype.submit.call(arguments[0])", form(browser))
    wait(browser).until(lambda page: len(page.window_handles) == 3)
    catalogue, found = browser.current_window_handle, set()
    for tab in set(browser.window_handles) - {catalogue}:
        browser.switch_to.window(tab)
        wait(browser).until(lambda page: "/orders/" in page.current_url)
        found.add(browser.current_url)
        browser.close()
    browser.switch_to.window(catalogue)
    assert len(found) == Order.objects.count() == 1


def form(browser: Chrome) -> WebElement:
    return browser.find_element(By.CSS_SELECTOR, "#kite form")


def test_every_page_fits_a_phone_and_has_no_faults(
    enter: Browse, browser: Chrome, live_server: LiveServer
) -> None:
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": 375, "height": 700, "deviceScaleFactor": 1, "mobile": True},
    )
    enter(browser)
    order = buy(browser)
    for path in ("/", "/buy/kite/", "/orders/", f"/orders/{order.id}/"):
        browser.get(live_server.url + path)
        width = browser.execute_script("return document.documentElement.scrollWidth")
        assert width == 375, path
        assert Page(browser.page_source).faults() == [], path
        assert "<b>Ö" not in browser.page_source, path
