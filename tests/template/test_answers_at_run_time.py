"""What was answered comes out right in a running project: on its pages, and in its mails."""

import json
import os
import subprocess
import sys
from email import message_from_string
from email.header import decode_header, make_header
from email.utils import parseaddr
from html.parser import HTMLParser
from typing import Any

import pytest

NAME = "Chris' \"Café\" {{ 7*7 }} <b>🚀 \\ ${HOME} {% now 'Y' %} & Søn"
DESCRIPTION = "{% raw %} \"x\" <script>alert('1')</script> ${SECRET_KEY} {# no #} --> ]]>"
ADDRESS = "o'brien+x@bücher.example"
# Nothing is contacted: the page and the mail are only made.
NOWHERE = {
    "SECRET_KEY": "x" * 50,
    "DEBUG": "True",
    "DATABASE_URL": "postgres://nobody@127.0.0.1:1/nothing",
    "BROKER_URL": "redis://127.0.0.1:1/0",
    "ANALYTICS_BROKER_URL": "redis://127.0.0.1:1/0",
    "EMAIL_URL": "smtp://127.0.0.1:1",
    "PAYMENTS_URL": "http://127.0.0.1:1",
    "PAYMENTS_API_KEY": "x",
    "DJANGO_SETTINGS_MODULE": "config.settings",
}
SHOW = """
import json, django
django.setup()
from django.contrib.auth.models import AnonymousUser
from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.test import RequestFactory
request = RequestFactory().get("/")
request.user = AnonymousUser()
context = {"project": settings.PROJECT, "user": {"name": "Ann", "email": "ann@example.com"}}
print(json.dumps({
    "page": render_to_string("base.html", {}, request),
    "mail": render_to_string("accounts/mail/welcome.html", context),
    "mail_text": render_to_string("accounts/mail/welcome.txt", context),
    "sent": EmailMessage(settings.PROJECT["name"], "Hello", to=["a@b.de"]).message().as_string(),
}))
"""


class Texts(HTMLParser):
    """Collects what a browser shows, and the tags that it sees."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.tags: list[str] = []
        self.links: list[str | None] = []
        self.feed(html)
        self.text = " ".join(" ".join(self.texts).split())

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value for name, value in attributes if name == "href"]


@pytest.fixture
def shown(make: Any) -> dict[str, str]:
    """Return a page and a mail of a project with awkward answers."""
    project = make(
        project_name=NAME, project_slug="awkward", description=DESCRIPTION, contact_email=ADDRESS
    )
    done = subprocess.run(
        [sys.executable, "-c", SHOW],
        cwd=project,
        env={"PATH": os.environ["PATH"], "PYTHONUTF8": "1", **NOWHERE},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_awkward_answers_are_text_on_a_page_and_in_a_mail(shown: dict[str, str]) -> None:
    page, mail = Texts(shown["page"]), Texts(shown["mail"])

    assert NAME in page.text
    assert DESCRIPTION in page.text
    assert f"mailto:{ADDRESS}" in page.links
    assert "b" not in page.tags
    assert NAME in mail.text
    assert NAME in shown["mail_text"]


def test_a_mail_comes_from_the_name_and_address_that_were_answered(shown: dict[str, str]) -> None:
    message = message_from_string(shown["sent"])

    name, address = parseaddr(message["From"])
    assert str(make_header(decode_header(name))) == NAME
    assert address == "o'brien+x@xn--bcher-kva.example"
    assert str(make_header(decode_header(message["Subject"]))) == NAME
