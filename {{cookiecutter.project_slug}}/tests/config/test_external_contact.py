"""Rule 1: all external contact runs in a task. What a request contacts is told, with its line."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from django.core.checks import run_checks
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from development.testing import SmtpServer
from patterns.external_contact.errors import ExternalContact
from tests.config import story_site
from tests.config.raised import bearer


def place(text: str, function: str) -> str:
    """Return the place of a line of the story's code."""
    lines = Path(story_site.__file__).read_text().splitlines()
    number = next(n for n, line in enumerate(lines, 1) if text in line)
    return f"tests/config/story_site.py:{number} in {function}"


@pytest.mark.django_db
def test_a_mail_delivered_in_the_request_is_told_with_the_line_of_the_view(
    client: Client, settings: Settings, smtp_server: SmtpServer
) -> None:
    settings.ROOT_URLCONF = "tests.config.story_site"
    with pytest.raises(ExternalContact) as raised:
        client.post("/signup/", {"email": "ada@example.com"})
    assert str(raised.value).startswith(
        f"The request POST /signup/ contacts 127.0.0.1:{smtp_server.port}"
        f" at {place('EmailBackend(', 'deliver')}, called from {place('deliver(Em', 'signup')}."
        " Enqueue a task"
    )
    assert smtp_server.offers == 0
    assert not User.objects.exists()  # rolled back, as by any error


@pytest.mark.django_db(transaction=True)
def test_the_shops_own_signup_contacts_nothing(client: Client, smtp_server: SmtpServer) -> None:
    """Any request of these tests is watched: this one says that the mail is a task."""
    answer = client.post(
        "/accounts/signup/",
        {"email": "ada@example.com", "name": "Ada", "password": "a good long password"},
    )
    assert answer.status_code == 302
    assert User.objects.filter(email="ada@example.com").exists()
    assert smtp_server.offers == 0


@pytest.mark.django_db(transaction=True)
def test_in_production_it_is_logged_and_counted_and_the_customer_is_served(
    smtp_server: SmtpServer, web_process: Callable[..., Any]
) -> None:
    web = web_process(
        DEBUG="False",
        SITE_URL="https://shop.example.com",
        BEHIND_TLS_PROXY="True",
        ALLOWED_HOSTS="127.0.0.1",
        DJANGO_SETTINGS_MODULE="tests.config.contacting_settings",
        WEB_CONCURRENCY="2",
    )

    def ask(path: str, **headers: str) -> str:
        headers["X-Forwarded-Proto"] = "https"
        data = b"email=ada@example.com" if path == "/signup/" else None
        request = Request(web.url + path, data=data, headers=headers)
        with urlopen(request, timeout=60) as answer:
            return str(answer.read().decode())

    assert "external_contacts_total 0.0" in ask("/metrics", **bearer())
    assert ask("/signup/") == "Welcome!"
    assert len(smtp_server.messages) == 1
    # Whichever of the two processes answers.
    for _ in range(10):
        assert "external_contacts_total 1.0" in ask("/metrics", **bearer())
    lines = [line for line in web.log_path.read_text().splitlines() if "so far" in line]
    assert len(lines) == 1
    assert f"{place('EmailBackend(', 'deliver')}, called from" in lines[0]
    assert f"{place('deliver(Em', 'signup')}. Enqueue a task" in lines[0]
    assert "request_id" in lines[0]


def test_the_shop_as_it_is_has_no_finding() -> None:
    assert list(run_checks(tags=["external_contact"], include_deployment_checks=False)) == []
