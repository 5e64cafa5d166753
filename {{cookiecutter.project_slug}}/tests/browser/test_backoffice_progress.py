"""Staff follow a rebuild on the page, without reloading it."""

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer
from selenium.common import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver import Chrome
from selenium.webdriver.support.wait import WebDriverWait

from accounts.models import User
from backoffice.models import CustomerIndex, IndexRebuild

SECONDS = 30  # the page asks each second; a machine full of parallel tests takes longer


@pytest.fixture
def staff(browser: Chrome, live_server: LiveServer) -> User:
    """Log a member of the staff in."""
    user = User.objects.create_user(email="danny@example.com", name="Danny", is_staff=True)
    client = Client()
    client.force_login(user)
    browser.get(live_server.url + reverse("accounts:login"))
    browser.add_cookie({"name": "sessionid", "value": client.cookies["sessionid"].value})
    return user


@pytest.fixture
def rebuild(staff: User) -> IndexRebuild:
    """A rebuild of two customers, of whom one waits."""
    rebuild = IndexRebuild.objects.create(started_by=staff, customer_count=2)
    for name, awaited_by in (("Ada", rebuild), ("Grace", None)):
        customer = User.objects.create_user(email=f"{name}@example.com", name=name)
        CustomerIndex.objects.create(
            customer=customer, awaited_by=awaited_by, total_cents=123450, rebuilt_at=timezone.now()
        )
    return rebuild


@pytest.mark.django_db(transaction=True)
def test_progress_and_end_show_without_a_reload(
    browser: Chrome, live_server: LiveServer, rebuild: IndexRebuild
) -> None:
    browser.get(live_server.url + reverse("backoffice:index"))
    # The page replaces itself, at any time.
    unstable = [NoSuchElementException, StaleElementReferenceException]
    wait = WebDriverWait(browser, SECONDS, 0.1, ignored_exceptions=unstable)
    wait.until(lambda page: "1 of 2 customers done" in text(page))
    browser.execute_script("window.sameDocument = true")
    CustomerIndex.objects.update(awaited_by=None)
    wait.until(lambda page: "2 of 2 customers done" in text(page))
    assert browser.execute_script("return window.sameDocument") is True
    IndexRebuild.objects.all().finish_complete()
    wait.until(lambda page: "Last rebuilds" in text(page))
    assert "customers done" not in text(browser)


def text(page: Chrome) -> str:
    """Return what can be read on the page.

    In one question: an element that was found may belong to a page that has been replaced.
    """
    return str(page.execute_script("return document.body ? document.body.innerText : ''"))
