"""The mails carry any name, in text and in HTML, under a Message-ID of the order."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.mail import EmailMultiAlternatives

from purchases import mails
from purchases.models import Order


def html(mail: EmailMultiAlternatives) -> str:
    return str(mail.alternatives[0][0])


@pytest.mark.parametrize("write", [mails.confirmation, mails.payment_declined])
def test_names_are_escaped_in_html_and_plain_in_text(
    placed: Callable[[], Order], write: Callable[[Order], EmailMultiAlternatives]
) -> None:
    order = placed()
    order.decline_reason = "no <money>"
    mail = write(order)
    assert 'Kite "Ö" <b>&' in mail.body
    assert "Kite &quot;Ö&quot; &lt;b&gt;&amp;" in html(mail)
    assert "<b>" not in html(mail)
    assert "<money>" not in html(mail)
    for part in (mail.body, html(mail)):
        assert "€1,234.05" in part
        assert f"http://testserver/orders/{order.id}/" in part


def test_the_confirmation_carries_the_message_id_of_its_order(placed: Callable[[], Order]) -> None:
    order = placed()
    message = mails.confirmation(order).message()
    assert message["Message-ID"] == order.confirmation_message_id
    assert order.confirmation_message_id == f"<order-{order.id}.confirmation@example.com>"
    assert mails.payment_declined(order).message()["Message-ID"] != message["Message-ID"]


def test_a_line_break_in_a_name_ends_no_header(placed: Callable[[], Order]) -> None:
    order = placed()
    order.product_name = "Kite\r\nBcc: victim@example.com"
    assert mails.confirmation(order).message()["Bcc"] is None


def test_a_sender_with_a_name_and_a_foreign_domain_makes_an_ascii_id(
    placed: Callable[[], Order], settings: Any
) -> None:
    settings.DEFAULT_FROM_EMAIL = "Läden <shop@bücher.example>"
    assert mails.confirmation_message_id(placed().id).endswith("@xn--bcher-kva.example>")
