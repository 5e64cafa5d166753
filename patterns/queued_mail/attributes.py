"""Keep a message as the attributes that an API backend reads, in JSON, and make it again."""

import json
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from django.core.mail import EmailMessage, EmailMultiAlternatives
from django.utils.functional import Promise
from django.utils.timezone import is_naive, make_aware

from .errors import MailNotAccepted
from .parts import attachment_from_json, attachment_to_json, given_back, text_or_bytes

# What Django's messages have, and what Anymail reads beside it.
ATTRIBUTES = (
    *("subject", "body", "from_email", "to", "cc", "bcc", "reply_to", "extra_headers"),
    *("content_subtype", "mixed_subtype", "alternative_subtype", "encoding"),
    *("envelope_sender", "metadata", "send_at", "tags", "track_clicks", "track_opens"),
    *("template_id", "merge_data", "merge_global_data", "merge_headers", "merge_metadata"),
    "esp_extra",
)


def to_json(message: EmailMessage) -> bytes:
    """Return a message's attributes, alternatives and attachments.

    Raises `MailNotAccepted` where a value would not be the same after JSON.
    """
    given = {name: getattr(message, name) for name in ATTRIBUTES if hasattr(message, name)}
    # Anymail marks what is left out by a class.
    given = {name: value for name, value in given.items() if not isinstance(value, type)}
    if given.get("encoding") is not None:
        given["encoding"] = str(given["encoding"])  # it may be a `Charset`
    if isinstance(given.get("send_at"), date):
        given["send_at"] = timestamp(given["send_at"])
    kept = {name: plain(value, name) for name, value in given.items()}
    alternatives = getattr(message, "alternatives", ())
    kept["alternatives"] = [[text_or_bytes(content), kind] for content, kind in alternatives]
    kept["attachments"] = [attachment_to_json(each) for each in message.attachments]
    return json.dumps(kept).encode("ascii")


def from_json(content: bytes) -> EmailMultiAlternatives:
    """Return the message that `to_json()` kept."""
    kept = json.loads(content)
    message = EmailMultiAlternatives()
    for part, kind in kept.pop("alternatives"):
        message.attach_alternative(given_back(part), kind)
    # Past attach(), which would guess anew what was decided when the message was made.
    message.attachments = [attachment_from_json(each) for each in kept.pop("attachments")]
    for name, value in kept.items():
        setattr(message, name, value)
    return message


def timestamp(value: date) -> float:
    """Return a time in seconds, which Anymail takes as well: the same moment in every zone."""
    time = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)
    return (make_aware(time) if is_naive(time) else time).timestamp()


def plain(value: Any, where: str) -> Any:
    """Return a value as JSON has it; lazy text becomes text. Raises `MailNotAccepted`."""
    if isinstance(value, Promise):
        return str(value)
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float) and value - value == 0:  # neither infinite nor NaN
        return value
    if isinstance(value, list | tuple):
        return [plain(each, f"{where}[{n}]") for n, each in enumerate(value)]
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {key: plain(each, f"{where}[{key!r}]") for key, each in value.items()}
    raise MailNotAccepted(
        f"A mail's {where} is a {type(value).__name__} ({value!r}), which JSON cannot keep: "
        "make it a text, a number, a list, or a dict whose keys are texts."
    )
