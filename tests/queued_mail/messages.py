"""Messages of every kind that Django can send, each with the same Message-ID and Date each time."""

from email.message import EmailMessage as StandardMessage
from email.message import MIMEPart
from email.mime.base import MIMEBase
from email.mime.image import MIMEImage
from typing import Any

import django
from django.core.mail import EmailMessage, EmailMultiAlternatives

FIXED = {"Message-ID": "<fixed@example.com>", "Date": "Mon, 23 Nov 2026 12:00:00 +0000"}
PIXEL = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\xff\xff\xff\x00\x00\x00!\xf9;\r\n.\n..\n\x00\xff"


class Signed(EmailMessage):
    """A subclass that changes what Django made, as signing does."""

    def message(self, **options: Any) -> Any:
        made = super().message(**options)
        made["X-Signature"] = "signed"
        return made


def plain(**options: Any) -> EmailMessage:
    return make(EmailMessage, "Hello", "How are you?\n.\n..\nFrom here on", **options)


def make(kind: type, subject: str, body: str, **options: Any) -> Any:
    options.setdefault("to", ["anna@example.com"])
    headers = {**FIXED, **options.pop("headers", {})}
    return kind(subject, body, options.pop("from_email", None), headers=headers, **options)


def alternatives() -> EmailMessage:
    message = make(EmailMultiAlternatives, "Zwei Fassungen", "Nur Text: ä ö ü ß €")
    message.attach_alternative("<p>HTML: ä ö ü ß € 🎉</p>", "text/html")
    message.attach_alternative("BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n", "text/calendar")
    return message


def attachments() -> EmailMessage:
    message = alternatives()
    message.attach("Grüße 🎉.txt", "drei\nZeilen\nä", "text/plain")
    message.attach("daten.bin", bytes(range(256)) * 40, "application/octet-stream")
    message.attach("leer.bin", b"", "application/octet-stream")
    message.attach("kein text.txt", b"\xff\xfe\x00", "text/plain")
    return message


def inline_image() -> EmailMessage:
    message = make(EmailMultiAlternatives, "An image", "see the image")
    message.attach_alternative('<img src="cid:pixel" alt="a pixel">', "text/html")
    if django.VERSION >= (6, 0):
        image: MIMEPart | MIMEBase = MIMEPart()
        image.set_content(PIXEL, "image", "gif", disposition="inline", cid="<pixel>")
    else:
        image = MIMEImage(PIXEL, "gif")
        image.add_header("Content-ID", "<pixel>")
        image.add_header("Content-Disposition", "inline")
    message.attach(image)
    return message


def nested() -> EmailMessage:
    inner = make(EmailMessage, "Inner: ä", "inner body ä\n", to=["inner@example.com"])
    message = make(EmailMessage, "Fwd", "see the attached mail")
    message.attach("inner.eml", inner, "message/rfc822")
    standard = StandardMessage()
    standard["Subject"] = "Standard"
    standard.set_content("of the standard library\n")
    message.attach("standard.eml", standard, "message/rfc822")
    message.attach("text.eml", "Subject: text\r\n\r\nAs text\r\n", "message/rfc822")
    return message


def every_address() -> EmailMessage:
    return make(
        EmailMessage,
        "To all of you",
        "…",
        from_email="Jürgen 🎉 Groß <juergen@bücher.example>",
        to=["Anna Ö <anna@example.com>", '"Last, First" <lf@example.com>', '"a b"@example.com'],
        cc=["Łukasz <lukasz@bücher.example>"],
        bcc=["hidden@example.com", "anna@example.com"],
        reply_to=["Ärger <answers@example.com>"],
        headers={
            "X-Custom": "grün",
            "List-Unsubscribe": "<https://example.com/u?a=1>",
            "From": "Alias <alias@example.com>",
        },
    )


def latin_1() -> EmailMessage:
    message = make(EmailMessage, "Größe", "Größe in einer anderen Kodierung")
    message.encoding = "iso-8859-1"
    return message


def html_only() -> EmailMessage:
    message = make(EmailMessage, "html", "<p>ä</p>")
    message.content_subtype = "html"
    return message


KINDS = {
    "plain": plain,
    "empty body": lambda: make(EmailMessage, "", ""),
    "only a line end": lambda: make(EmailMessage, "x", "\r\n"),
    "long subject": lambda: make(EmailMessage, "Zahl ä " * 90, "x"),
    "long lines": lambda: make(EmailMessage, "long", "ä" * 5000 + "\n" + "b" * 5000),
    "mixed line ends": lambda: make(EmailMessage, "ends", "a\rb\nc\r\nd\n\n.\n"),
    "html only": html_only,
    "alternatives": alternatives,
    "attachments": attachments,
    "inline image": inline_image,
    "nested": nested,
    "every address": every_address,
    "local sender": lambda: make(EmailMessage, "x", "y", from_email="webmaster"),
    "latin-1": latin_1,
    "subclass": lambda: make(Signed, "signed", "body"),
    "a thousand recipients": lambda: make(
        EmailMessage, "many", "x", bcc=[f"person{n}@example.com" for n in range(1000)]
    ),
}
