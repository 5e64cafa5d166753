"""The mail server of the lab: takes every mail, and counts them by Message-ID.

In the lab's own process, for it must outlive everything that is killed, and keep the count of more
mails than the shop's mail catcher keeps.
"""

import threading
from collections import Counter
from email import message_from_bytes, policy

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session


class MailBooks:
    """A real SMTP server on loopback, and what came to it."""

    def __init__(self, port: int) -> None:
        """Listen from `start()` on."""
        self.port = port
        self.url = f"smtp://127.0.0.1:{port}"
        self._lock = threading.Lock()
        self._arrived: Counter[str] = Counter()
        self._recipients: Counter[str] = Counter()
        self._controller = Controller(self, hostname="127.0.0.1", port=port, ready_timeout=60)

    def start(self) -> None:
        """Take mails."""
        self._controller.start()

    def stop(self) -> None:
        """Take no more; nothing is done where it never began."""
        self._controller.stop(no_assert=True)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Take one mail, and count it."""
        content = envelope.content
        assert isinstance(content, bytes)  # noqa: S101  aiosmtpd decodes only when asked to
        head = content.partition(b"\r\n\r\n")[0]
        message_id = message_from_bytes(head, policy=policy.compat32).get("Message-ID", "")
        with self._lock:
            self._arrived[str(message_id).strip()] += 1
            self._recipients.update(envelope.rcpt_tos)
        return "250 2.0.0 Counted"

    def arrived(self) -> Counter[str]:
        """Return how often each Message-ID came."""
        with self._lock:
            return self._arrived.copy()

    def arrived_for(self) -> Counter[str]:
        """Return how many mails came for each address."""
        with self._lock:
            return self._recipients.copy()
