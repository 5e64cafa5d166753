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

Part = dict[str, str]


def attachment_to_json(attachment: Any) -> Any:
    """Return a file as [name, content, type], a part made by hand as it stands."""
    if isinstance(attachment, Message):
        return part_to_json(attachment)
    name, content, kind = attachment
    return [None if name is None else str(name), part_to_json(content), kind]


def attachment_from_json(kept: Any) -> Any:
    """Return what `attachment_to_json()` kept."""
    if isinstance(kept, dict):
        return part_from_json(kept)
    name, content, kind = kept
    return EmailAttachment(name, part_from_json(content), kind)


def part_to_json(content: Any) -> Part:
    """Return text, bytes or a whole message, under a key that says which."""
    if isinstance(content, str | Promise):
        return {"text": str(content)}
    if isinstance(content, EmailMessage):
        content = content.message()
    if isinstance(content, Message):
        return {"message": b64encode(content.as_bytes()).decode("ascii")}
    return {"bytes": b64encode(bytes(content)).decode("ascii")}


def part_from_json(kept: Mapping[str, str]) -> Any:
    """Return what `part_to_json()` kept."""
    if "text" in kept:
        return kept["text"]
    content = b64decode(kept["bytes"] if "bytes" in kept else kept["message"])
    return content if "bytes" in kept else message_of(content)


def message_of(content: bytes) -> Any:
    """Return an inline image or an attached mail: Django before 6.0 knows the older class alone."""
    if django.VERSION >= (6, 0):
        return message_from_bytes(content, _class=StandardMessage, policy=email.policy.default)
    parsed = message_from_bytes(content)
    part = MIMEBase(parsed.get_content_maintype(), parsed.get_content_subtype())
    for name in ("Content-Type", "MIME-Version"):
        del part[name]
    for name, value in parsed.items():
        part[name] = value
    part.set_payload(parsed.get_payload())
    return part
