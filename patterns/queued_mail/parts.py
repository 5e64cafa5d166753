"""Keep a message's alternatives and attachments in JSON, and make them again."""

import email.policy
from base64 import b64decode, b64encode
from collections.abc import Mapping
from email import message_from_bytes
from email.message import EmailMessage as StandardMessage
from email.message import Message
from email.mime.base import MIMEBase
from typing import Any

import django
from django.core.mail import EmailAttachment, EmailMessage
from django.utils.functional import Promise

ASCII = email.policy.SMTP.clone(cte_type="7bit")


if django.VERSION < (6, 0):

    class OlderPart(MIMEBase):
        """A part that is parsed, as Django before 6.0 takes it."""

        def __init__(self, policy: Any = email.policy.compat32) -> None:
            """Begin without headers: the parser sets them."""
            Message.__init__(self, policy=policy)


def attachment_to_json(attachment: Any) -> Any:
    """Return a file as [name, content, type], a part made by hand (an inline image) as bytes."""
    if isinstance(attachment, Message):
        return {"part": b64encode(attachment.as_bytes()).decode("ascii")}
    name, content, kind = attachment
    if isinstance(content, EmailMessage | Message):
        content, kind = bytes_of_mail(content), kind or "message/rfc822"
    return [None if name is None else str(name), text_or_bytes(content), kind]


def bytes_of_mail(mail: Any) -> bytes:
    """Return an attached mail in ASCII, which passes through every service."""
    if not isinstance(mail, EmailMessage):
        return bytes(mail.as_bytes(policy=ASCII))
    if django.VERSION < (6, 0):
        return bytes(mail.message().as_bytes(linesep="\r\n"))  # type: ignore[call-arg]  # Django's
    return mail.message().as_bytes(policy=ASCII)


def attachment_from_json(kept: Any) -> Any:
    """Return what `attachment_to_json()` kept."""
    if isinstance(kept, dict):
        part = b64decode(kept["part"])
        if django.VERSION < (6, 0):
            return message_from_bytes(part, _class=OlderPart)
        return message_from_bytes(part, _class=StandardMessage, policy=email.policy.default)
    name, content, kind = kept
    return EmailAttachment(name, given_back(content), kind)


def text_or_bytes(content: Any) -> dict[str, str]:
    """Return a content under a key that says which it is."""
    if isinstance(content, str | Promise):
        return {"text": str(content)}
    return {"bytes": b64encode(bytes(content)).decode("ascii")}


def given_back(kept: Mapping[str, str]) -> str | bytes:
    """Return what `text_or_bytes()` kept."""
    return kept["text"] if "text" in kept else b64decode(kept["bytes"])
