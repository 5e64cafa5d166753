"""Offer a stored mail to the backend that delivers, and read its answer."""

import smtplib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from email.message import Message
from typing import Any

from django.core import mail
from django.core.mail import EmailMessage

from . import configuration
from .errors import MailNotDelivered, MailRefused
from .freezing import headers_of
from .models import QueuedMail

# What is wrong with the mail itself, or with how a backend reads it: the same again tomorrow.
ABOUT_THE_MAIL = (ValueError, TypeError, LookupError, AttributeError)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What became of an offered mail: whether anybody got it, and who was refused."""

    is_accepted: bool
    refusals: Mapping[str, tuple[int, bytes]] = field(default_factory=dict)


def offer(stored: QueuedMail) -> Answer:
    """Offer a mail to the recipients that are outstanding.

    Raises `MailNotDelivered` where another attempt may help, `MailRefused` where it cannot.
    What fails before the mail is offered (connecting, TLS, logging in) says nothing about the
    mail, so it is never a refusal.
    """
    connection = None
    try:
        try:
            connection = delivery_connection()
            connection.open()
        except Exception as error:
            raise MailNotDelivered(f"The mail server cannot be used: {words(error)}") from error
        return answer_of(connection, stored)
    finally:
        # The mail's fate is known: a server that drops the line now changes nothing.
        with suppress(OSError):
            if connection is not None:
                connection.close()


def delivery_connection() -> Any:
    """Return a closed connection of the backend that delivers."""
    if configuration.has_mailers():
        return mail.mailers[configuration.delivery_backend()]
    return mail.get_connection(configuration.delivery_backend(), fail_silently=False)


def answer_of(connection: Any, stored: QueuedMail) -> Answer:
    """Send over an open connection."""
    try:
        accepted = connection.send_messages([FrozenMessage(stored)])
    except smtplib.SMTPRecipientsRefused as error:
        return Answer(is_accepted=False, refusals=error.recipients)
    except smtplib.SMTPResponseException as error:
        kind = MailRefused if error.smtp_code >= 500 else MailNotDelivered
        raise kind(words(error)) from error
    except ABOUT_THE_MAIL as error:
        raise MailRefused(words(error)) from error
    except Exception as error:
        raise MailNotDelivered(words(error)) from error
    if accepted == 0:
        raise MailNotDelivered("The delivery backend took nothing and gave no reason.")
    return Answer(is_accepted=True, refusals=getattr(connection, "refusals", {}))


def words(error: BaseException) -> str:
    """Describe an error in a line, with the server's own words where there are any."""
    if isinstance(error, smtplib.SMTPResponseException):
        return reply(error.smtp_code, error.smtp_error)
    return f"{type(error).__name__}: {error}"


def reply(code: int, text: bytes | str) -> str:
    """Return a server's answer as text."""
    return f"{code} {text.decode('utf-8', 'replace') if isinstance(text, bytes) else text}"


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
