"""A stored mail as a message whose bytes are given, for backends that send bytes."""

from email.message import Message
from typing import Any

from django.core.mail import EmailMessage

from .freezing import headers_of
from .models import QueuedMail


class FrozenMessage(EmailMessage):
    """A message whose bytes and envelope are given."""

    def __init__(self, stored: QueuedMail) -> None:
        """Make the message of a stored mail, for the recipients that are outstanding."""
        super().__init__(stored.subject, "", stored.sender, stored.outstanding)
        self.content = bytes(stored.content)

    def message(self, **policy: Any) -> Any:
        """Return the frozen content, whatever policy is asked for."""
        frozen = headers_of(self.content, FrozenContent)
        frozen.content = self.content
        return frozen


class FrozenContent(Message):
    """The headers of a mail, parsed, and its bytes, untouched."""

    content: bytes

    def as_bytes(self, *args: Any, **kwargs: Any) -> bytes:
        """Return the bytes as they were frozen, whatever line ends are asked for."""
        return self.content
