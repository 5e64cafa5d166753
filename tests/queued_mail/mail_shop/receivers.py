"""What an order does when its mail is sent; the environment makes it misbehave."""

import os
import time
from pathlib import Path

from django.dispatch import receiver

from patterns.queued_mail.signals import mail_sent

from .models import Order


@receiver(mail_sent)
def mark_mailed(sender, message_id, **kwargs):
    Order.objects.filter(message_id=message_id).update(is_mailed=True)
    if "raises" in message_id:
        raise RuntimeError("this receiver is broken")
    if "halts" in message_id:
        flag = Path(os.environ["QUEUED_MAIL_TEST_FLAG"])
        if not flag.exists():
            flag.write_text(str(os.getpid()))
            time.sleep(60)
