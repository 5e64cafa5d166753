"""The mails about an order: ordinary Django mails, which the mail backend turns into tasks."""

from email.utils import parseaddr
from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string

from accounts.addresses import format_mailbox
from purchases.models import Order


def confirmation(order: Order) -> EmailMultiAlternatives:
    """Return the mail that says what was bought."""
    return _mail(order, "confirmation", "Your order", order.confirmation_message_id)


def payment_declined(order: Order) -> EmailMultiAlternatives:
    """Return the mail that says why nothing will be delivered."""
    return _mail(order, "declined", "Payment declined", _message_id(order.id, "declined"))


def confirmation_message_id(order_id: UUID) -> str:
    """Return the Message-ID of the order's confirmation: one order, one id, whoever asks."""
    return _message_id(order_id, "confirmation")


def _mail(order: Order, template: str, topic: str, message_id: str) -> EmailMultiAlternatives:
    context = {
        "order": order,
        "project": settings.PROJECT,
        "url": settings.SITE_URL + order.get_absolute_url(),
    }
    mail = EmailMultiAlternatives(
        # A line break in a name must not end a header, nor stop a purchase.
        subject=" ".join(f"{topic}: {order.product_name} ({order.number})".split()),
        body=render_to_string(f"purchases/mail/{template}.txt", context),
        to=[format_mailbox(order.customer.name, order.customer.email)],
        headers={"Message-ID": message_id},
    )
    mail.attach_alternative(
        render_to_string(f"purchases/mail/{template}.html", context), "text/html"
    )
    return mail


def _message_id(order_id: UUID, topic: str) -> str:
    # Django's own would ask DNS for this machine's name, in the customer's request.
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2]
    return f"<order-{order_id}.{topic}@{domain.encode('idna').decode('ascii')}>"
