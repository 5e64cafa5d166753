"""Turn a message into a row: its bytes and envelope, or the attributes for an API."""

import email.policy
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message
from email.parser import BytesHeaderParser
from email.utils import make_msgid, parseaddr
from typing import Any, TypeVar

import django
from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail import message as django_message
from django.core.mail.backends import smtp

from . import configuration
from .attributes import to_json
from .connection import reads_attributes
from .errors import MailNotAccepted, MailTooLarge
from .expiry import expiry
from .models import MESSAGE_ID_LENGTH, SUBJECT_LENGTH, QueuedMail

M = TypeVar("M", bound="Message[Any, Any]")


def freeze(message: EmailMessage, connection: Any) -> QueuedMail:
    """Return the unsaved row of a message that `connection` is to deliver later.

    Raises what Django raises for a message that it would not send (a header with a newline, an
    address that is none), `MailTooLarge`, and `MailNotAccepted` for what cannot be kept.
    """
    charset = message.encoding or settings.DEFAULT_CHARSET
    sender = envelope_address(message.from_email or "", connection, charset)
    recipients = [envelope_address(each, connection, charset) for each in message.recipients()]
    with message_id_without_look_up(message, sender):
        if form(connection) == "attributes":
            content, message_id = to_json(message), given_message_id(message)
        else:
            content = wire_bytes(message)
            message_id = str(headers_of(content, Message)["Message-ID"] or "")
    subject = for_people(message.subject or "")
    refuse_large(content, subject)
    return QueuedMail(
        message_id=checked_message_id(message_id),
        sender=sender,
        recipients=recipients,
        outstanding=recipients,
        subject=subject,
        form=form(connection),
        content=content,
        size_bytes=len(content),
        expires_at=expiry(message),
    )


def form(connection: Any) -> str:
    """Return in which form a backend wants its messages kept."""
    return "attributes" if reads_attributes(connection) else "bytes"


def refuse_large(content: bytes, subject: str) -> None:
    """Raise `MailTooLarge` where a mail is larger than the setting allows."""
    if len(content) > configuration.max_bytes():
        raise MailTooLarge(
            f"Mail {subject!r} is {len(content):,} bytes, more than the "
            f"{configuration.max_bytes():,} of QUEUED_MAIL_MAX_BYTES: link to its files instead "
            "of attaching them, or raise the setting (your mail server has a limit, too)."
        )


def envelope_address(address: Any, connection: Any, charset: str) -> str:
    """Return an address as the delivery backend puts it on the envelope."""
    if hasattr(connection, "prep_address"):  # Django 6.0 and later
        prepared = connection.prep_address(address)
    elif django.VERSION < (6, 0) and isinstance(connection, smtp.EmailBackend):
        sanitized = django_message.sanitize_address(address, charset)
        prepared = parseaddr(sanitized)[1] or sanitized
    elif reads_attributes(connection):
        prepared = parseaddr(str(address))[1] or str(address)
    else:
        prepared = str(address)  # a backend without an envelope: files, the console
    if prepared != for_people(prepared, len(prepared)):
        raise MailNotAccepted(f"Address {prepared!r} has characters that no mail address has.")
    return str(prepared)


@contextmanager
def message_id_without_look_up(message: EmailMessage, sender: str) -> Iterator[None]:
    """Let the Message-ID be made from the sender's domain.

    Django makes it from the name of this machine, which it asks DNS for: seconds, where DNS is
    slow or away, in the request that sends the first mail of a process.
    """
    given = message.extra_headers
    domain = sender.rpartition("@")[2] if "@" in sender else ""
    if domain and not any(name.lower() == "message-id" for name in given):
        message.extra_headers = {"Message-ID": make_msgid(domain=domain), **given}
    try:
        yield
    finally:
        message.extra_headers = given


def wire_bytes(message: EmailMessage) -> bytes:
    """Return the bytes that Django's SMTP backend sends."""
    if django.VERSION < (6, 0):
        return bytes(message.message().as_bytes(linesep="\r\n"))  # type: ignore[call-arg]  # Django's
    return message.message(policy=email.policy.SMTP).as_bytes()


def given_message_id(message: EmailMessage) -> str:
    """Return the Message-ID among a message's headers, or nothing."""
    headers = {name.lower(): value for name, value in message.extra_headers.items()}
    return str(headers.get("message-id", ""))


def checked_message_id(given: str) -> str:
    """Return the Message-ID, or a made-up one where an overridden `message()` gives none."""
    text = for_people(given.strip(), MESSAGE_ID_LENGTH + 1)
    if len(text) > MESSAGE_ID_LENGTH:
        raise MailNotAccepted(
            f"Message-ID {text[:40]!r}... is longer than {MESSAGE_ID_LENGTH} characters: "
            "make it with `email.utils.make_msgid()`."
        )
    return text or make_msgid(domain="none.invalid")


def headers_of(content: bytes, kind: type[M]) -> M:
    """Parse the headers alone: a body of megabytes takes seconds."""
    return BytesHeaderParser(kind).parsebytes(content.partition(b"\r\n\r\n")[0])


def for_people(text: Any, length: int = SUBJECT_LENGTH) -> str:
    """Return text that PostgreSQL can store: no NUL, no lone surrogates, not too long."""
    encoded = str(text).replace("\x00", "").encode("utf-8", "replace")
    return encoded.decode("utf-8")[:length]
