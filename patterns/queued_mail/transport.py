"""Offer a stored mail to the backend that delivers, and read its answer."""

import smtplib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from django.core.mail import EmailMessage

from .attributes import from_json
from .connection import delivery_connection, reads_attributes
from .errors import MailNotAnswered, MailNotDelivered, MailRefused
from .frozen import FrozenMessage
from .models import QueuedMail

# What is wrong with the mail itself, or with how a backend reads it: the same again tomorrow.
ABOUT_THE_MAIL = (ValueError, TypeError, LookupError, AttributeError)
# Answers of an API that say nothing about the mail: a wrong key, no money, too slow, too much.
ABOUT_THE_ACCOUNT = frozenset({401, 402, 403, 407, 408, 425, 429})
# Answers of a mail server that say nothing about the mail: it wants a login, a stronger one, or TLS
# first, at whichever command it says so. That is our configuration's fault.
ABOUT_THE_LOGIN = frozenset({530, 534, 535, 538})
# What Anymail calls a recipient that a service refuses.
REFUSED_STATUSES = frozenset({"invalid", "rejected", "failed"})


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What became of an offered mail: whether anybody got it, and who was refused."""

    is_accepted: bool
    refusals: Mapping[str, tuple[int, bytes]] = field(default_factory=dict)


def offer(stored: QueuedMail) -> Answer:
    """Offer a mail to the recipients that are outstanding.

    Raises `MailNotDelivered` where another attempt may help, its kind `MailNotAnswered` where the
    mail may be out as well, and `MailRefused` where no attempt can help.
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


def answer_of(connection: Any, stored: QueuedMail) -> Answer:
    """Send over an open connection."""
    message = message_of(stored, connection)
    try:
        accepted = connection.send_messages([message])
    except smtplib.SMTPRecipientsRefused as error:
        return Answer(is_accepted=False, refusals=error.recipients)
    except Exception as error:
        raise kind_of(error)(words(error)) from error
    if accepted == 0:
        raise MailNotDelivered("The delivery backend took nothing and gave no reason.")
    refusals = {**getattr(connection, "refusals", {}), **refusals_of_api(message)}
    return Answer(is_accepted=True, refusals=refusals)


def kind_of(error: Exception) -> type[MailRefused | MailNotDelivered]:
    """Return what an error says of the mail: refused, to be tried again, or no answer."""
    if is_refusal(error):
        return MailRefused
    is_answered = isinstance(
        error, smtplib.SMTPResponseException | smtplib.SMTPNotSupportedError
    ) or isinstance(getattr(error, "status_code", None), int)
    return MailNotDelivered if is_answered else MailNotAnswered


def message_of(stored: QueuedMail, connection: Any) -> EmailMessage:
    """Return what the backend is to send, in the form in which it was kept."""
    if not stored.content:  # discarded since this delivery began
        raise MailRefused("What it said is deleted.")
    if stored.form == "attributes":
        return from_json(bytes(stored.content))
    if reads_attributes(connection):
        raise MailNotDelivered(
            f"It was kept as bytes, and {type(connection).__module__} reads attributes: deliver by "
            "the backend of before until the mails of before are sent."
        )
    return FrozenMessage(stored)


def is_refusal(error: Exception) -> bool:
    """Tell whether the mail was refused for good."""
    if isinstance(error, smtplib.SMTPResponseException):
        return is_final(error.smtp_code)
    status = getattr(error, "status_code", None)  # of an API
    if isinstance(status, int):
        return 400 <= status < 500 and status not in ABOUT_THE_ACCOUNT
    # Anymail's answer where a service refuses all recipients.
    message: Any = getattr(error, "email_message", None)
    refusals = refusals_of_api(message)
    is_for_all = bool(refusals) and len(refusals) >= len(message.recipients())
    return is_for_all or isinstance(error, ABOUT_THE_MAIL)


def is_final(code: int) -> bool:
    """Tell whether a mail server's answer is about the mail, or its recipient, and for good."""
    return code >= 500 and code not in ABOUT_THE_LOGIN


def refusals_of_api(message: Any) -> dict[str, tuple[int, bytes]]:
    """Return whom a service behind Anymail refused, as a mail server would say it."""
    recipients: Mapping[str, Any] = getattr(
        getattr(message, "anymail_status", None), "recipients", {}
    )
    return {
        who: (550, str(each.status).encode())
        for who, each in recipients.items()
        if each.status in REFUSED_STATUSES
    }


def words(error: BaseException) -> str:
    """Describe an error in a line, with the server's own words where there are any."""
    if isinstance(error, smtplib.SMTPResponseException):
        return reply(error.smtp_code, error.smtp_error)
    return f"{type(error).__name__}: {error}"


def reply(code: int, text: bytes | str) -> str:
    """Return a server's answer as text."""
    return f"{code} {text.decode('utf-8', 'replace') if isinstance(text, bytes) else text}"
