"""The examples of docs/queued_mail.md run as they stand there."""

import logging.config
import re
import textwrap
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import django
import pytest
from django.conf import settings as django_settings
from django.core.mail import EmailMessage, EmailMultiAlternatives, send_mail
from django.utils import timezone
from django.utils.module_loading import import_string
from mail_shop.models import Order

from patterns.queued_mail.delivery import deliver_once
from patterns.queued_mail.error_mails import ErrorMailHandler
from patterns.queued_mail.models import QueuedMail
from tests.queued_mail.conftest import SMTPServer

PAGE = Path(__file__).parent.parent.parent / "docs" / "queued_mail.md"
BLOCK = re.compile(r"^( *)```python\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
WITH_ORDER, BACKEND, MAILERS, _BEAT, EXPIRING, ANYMAIL, LOGGING, SENT, IN_A_TEST = (
    textwrap.dedent(code) for _, code in BLOCK.findall(PAGE.read_text(encoding="utf-8"))
)
before_6_1 = pytest.mark.skipif(django.VERSION >= (6, 1), reason="Django 6.1 has MAILERS")

pytestmark = pytest.mark.usefixtures("broker")


class Orders:
    """What the page leaves open: how an order is made, and what it has beside the message's id."""

    mailed: tuple[str, bool] = ("", False)

    def __init__(self) -> None:
        self.objects = self

    def create(self, _left_open: Any) -> Order:
        return Order.objects.create(message_id="<an-order@shop.example>")

    def filter(self, message_id: str) -> "Orders":
        self.wanted = message_id
        return self

    def update(self, mailed_at: Any) -> None:
        self.mailed = (self.wanted, timezone.is_aware(mailed_at))


def run(code: str, **names: Any) -> dict[str, Any]:
    names["__name__"] = "page"  # its functions have a module, as tools that wrap receivers expect
    exec(code, names)
    return names


def test_the_mail_is_a_row_beside_its_order() -> None:
    run(WITH_ORDER, Order=Orders())
    assert Order.objects.count() == 1
    row = QueuedMail.objects.get()
    assert (row.subject, row.recipients) == ("Your order", ["pat@example.com"])


@before_6_1
def test_the_named_backend_queues(settings: Any) -> None:
    for name, value in run(BACKEND).items():
        if name.isupper():
            setattr(settings, name, value)
    send_mail("Hello", "", None, ["pat@example.com"])
    assert QueuedMail.objects.get().subject == "Hello"


def test_the_mailers_are_backends_that_take_their_options(settings: Any) -> None:
    mailers = run(MAILERS)["MAILERS"]
    if django.VERSION >= (6, 1):
        settings.MAILERS = mailers
        send_mail("Hello", "", None, ["pat@example.com"])
        assert QueuedMail.objects.get().subject == "Hello"
        return
    queued, delivery = (
        import_string(each["BACKEND"])(**each.get("OPTIONS", {})) for each in mailers.values()
    )
    assert isinstance(queued, import_string("patterns.queued_mail.backend.EmailBackend"))
    assert (delivery.host, delivery.timeout) == ("smtp.example.com", 10)


def test_a_mail_expires_with_what_it_offers() -> None:
    run(
        EXPIRING,
        **{"EmailMultiAlternatives": EmailMultiAlternatives, "timedelta": timedelta},
        **{"settings": django_settings, "body": "Here.", "user": SimpleNamespace(email="a@x.org")},
    )
    row = QueuedMail.objects.get()
    offered = timedelta(seconds=django_settings.PASSWORD_RESET_TIMEOUT)
    assert row.expires_at is not None
    assert abs(row.expires_at - row.enqueued_at - offered) < timedelta(minutes=1)


def test_for_anymails_backend_the_row_has_attributes(settings: Any) -> None:
    backend = run(ANYMAIL)["QUEUED_MAIL_DELIVERY_BACKEND"]
    settings.ANYMAIL = {"POSTMARK_SERVER_TOKEN": "token"}
    if django.VERSION >= (6, 1):
        settings.MAILERS = {**settings.MAILERS, "delivery": {"BACKEND": backend}}
    else:
        settings.QUEUED_MAIL_DELIVERY_BACKEND = backend
    send_mail("Hello", "", None, ["pat@example.com"])
    assert QueuedMail.objects.get().form == "attributes"


def test_logging_takes_the_handler_of_error_mails() -> None:
    configured: Any = logging.config.DictConfigurator(run(LOGGING)["LOGGING"])
    handlers = configured.config["handlers"]
    made = {name: configured.configure_handler(handlers[name]) for name in list(handlers)}
    assert isinstance(made["error_mails"], ErrorMailHandler)
    assert made["error_mails"].level == logging.ERROR
    assert set(configured.config["root"]["handlers"]) == set(made)


def test_who_asked_is_told_that_its_mail_is_sent(smtp: SMTPServer) -> None:
    orders, order = Orders(), SimpleNamespace()
    names = run(
        SENT,
        **{"order": order, "Order": orders, "EmailMessage": EmailMessage, "timezone": timezone},
        address="pat@example.com",
    )
    assert orders.mailed == ("", False)
    row = QueuedMail.objects.get()
    deliver_once(str(row.pk), row.publication)
    assert orders.mailed == (order.message_id, True)
    assert len(smtp.mails) == 1
    del names["mark_mailed"]  # a receiver is held weakly


def test_the_test_of_a_signup_passes(settings: Any) -> None:
    def post(path: str, data: Any) -> None:
        send_mail("Welcome", "", None, ["pat@example.com"])

    code = IN_A_TEST
    if django.VERSION < (6, 1):
        code = re.sub(r"settings\.MAILERS = .*\n.*: (settings\..*)", r"\1", code)
    names = run(code, QueuedMail=QueuedMail)
    names["test_signup_queues_a_mail"](settings, None, SimpleNamespace(post=post))
