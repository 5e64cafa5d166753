"""Django's SMTP backend, which also tells whom the server refused while it took the mail."""

import smtplib
from collections.abc import Sequence
from typing import Any

from django.core.mail import EmailMessage
from django.core.mail.backends import smtp


class RefusalsKept:
    """Keep what `sendmail()` returns, which Django's backend drops."""

    refusals: dict[str, tuple[int, bytes]]

    def sendmail(self, *args: Any, **kwargs: Any) -> dict[str, tuple[int, bytes]]:
        """Send one mail and keep the recipients that were refused while others were not."""
        self.refusals = super().sendmail(*args, **kwargs)  # type: ignore[misc]  # of smtplib
        return self.refusals


class PlainServer(RefusalsKept, smtplib.SMTP):
    """A connection that begins in plain text."""


class TLSServer(RefusalsKept, smtplib.SMTP_SSL):
    """A connection that begins with TLS."""


class EmailBackend(smtp.EmailBackend):
    """Deliver as Django does; `refusals` are those of the last mail sent while open."""

    refusals: dict[str, tuple[int, bytes]]

    @property
    def connection_class(self) -> type[smtplib.SMTP]:
        """Return the class of the connection to the server."""
        return TLSServer if self.use_ssl else PlainServer

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Send as Django does, and keep the refusals of the last mail."""
        sent = super().send_messages(email_messages)
        self.refusals = getattr(self.connection, "refusals", {})
        return sent
