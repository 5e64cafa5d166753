"""What the purchases do when another app tells something."""

from typing import Any

from django.dispatch import receiver
from django.utils import timezone

from patterns.queued_mail.signals import mail_sent
from purchases.models import Order


@receiver(mail_sent, dispatch_uid="purchases.mark_as_mailed")
def mark_as_mailed(*, message_id: str, **_: Any) -> None:
    """Record that the confirmation of an order has left; other mails match no order.

    Runs in the transaction that records the mail as sent: both are recorded, or neither.
    Duplicate: the first time stays.
    """
    unmailed = Order.objects.filter(confirmation_message_id=message_id, mailed_at=None)
    unmailed.update(mailed_at=timezone.now())
