"""An order learns that its confirmation has left."""

from collections.abc import Callable

from django.db import connection
from django.test.utils import CaptureQueriesContext

from patterns.queued_mail.signals import mail_sent
from purchases.models import Order


def test_the_mail_of_an_order_marks_that_order_once(placed: Callable[[], Order]) -> None:
    order, other = placed(), placed()
    mail_sent.send(sender=None, message_id=order.confirmation_message_id)
    order.refresh_from_db()
    first = order.mailed_at
    assert first is not None
    mail_sent.send(sender=None, message_id=order.confirmation_message_id)
    order.refresh_from_db()
    other.refresh_from_db()
    assert (order.mailed_at, other.mailed_at) == (first, None)


def test_any_other_mail_costs_one_statement(placed: Callable[[], Order]) -> None:
    placed()
    with CaptureQueriesContext(
        connection,
    ) as queries:
        mail_sent.send(sender=None, message_id="<welcome@example.com>")
    assert len(queries) == 1
