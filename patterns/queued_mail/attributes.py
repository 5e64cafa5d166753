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

BECOME_HEADERS = (
    *("subject", "from_email", "to", "cc", "bcc", "reply_to", "extra_headers"),
    "envelope_sender",
)


def to_json(message: EmailMessage) -> bytes:
    """Return a message's attributes, alternatives and attachments.

    Raises `MailNotAccepted` where a value would not be the same after JSON, and for a line end in
    a header, which Django and a service would refuse only when it is delivered.
    """
    refuse_line_ends(message)
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


def refuse_line_ends(message: EmailMessage) -> None:
    """Raise `MailNotAccepted` for a line end in anything that becomes a header."""
    given = [(name, getattr(message, name, None)) for name in BECOME_HEADERS]
    merged = getattr(message, "merge_headers", None)
    if isinstance(merged, Mapping):  # Anymail marks what is left out by a class
        given += [(f"merge_headers[{who!r}]", headers) for who, headers in merged.items()]
    for name, value in given:
        each = value if isinstance(value, list | tuple) else [value]
        if isinstance(value, Mapping):
            each = [*value, *value.values()]
        if any(end in str(text) for text in each for end in "\r\n"):
            raise MailNotAccepted(
                f"A mail's {name} has a line end, which no header can hold: {value!r:.200}"
            )


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
