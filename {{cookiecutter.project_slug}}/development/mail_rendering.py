"""Mails as HTML. Whatever comes from a mail is escaped; its own HTML stays in a sandboxed frame."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage, MIMEPart
from html import escape
from urllib.parse import quote

from development.mailbox import Mail

# Those that a browser draws without running anything in them; SVG may hold scripts.
PICTURES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
LONGEST_TEXT = 500_000  # characters shown of a text part; the .eml has all of it
MOST_LISTED = 500  # rows that a browser draws at once; mails.json has all


@dataclass(frozen=True, kw_only=True)
class Part:
    """An attachment or an inline picture."""

    number: int
    name: str
    kind: str
    content: bytes
    content_id: str

    @property
    def is_picture(self) -> bool:
        """Whether it is shown instead of saved."""
        return self.kind in PICTURES

    @property
    def quoted_name(self) -> str:
        """The name as a header of HTTP carries it."""
        return quote(self.name, safe="")


def list_page(mails: list[Mail]) -> str:
    """Return the page with all mails, the newest first."""
    if not mails:
        return _frame(
            "Mails",
            "<h1>No mail yet</h1><p>Sign up in the shop, or buy something: "
            "its mails arrive here, and nowhere else.</p>",
            refresh=True,
        )
    rows = "".join(_row(mail) for mail in mails[:MOST_LISTED])
    more = len(mails) - MOST_LISTED
    note = f"<p>{more} older ones are in <a href='/mails.json'>mails.json</a>.</p>"
    head = "<tr><th>Received (UTC)</th><th>To</th><th>Subject</th></tr>"
    clear = "<form method='post' action='/clear'><button>Forget all</button></form>"
    title = f"<div class='bar'><h1>{len(mails):,} caught</h1>{clear}</div>"
    table = f"<table><thead>{head}</thead><tbody>{rows}</tbody></table>"
    return _frame("Mails", title + table + (note if more > 0 else ""), refresh=True)


def mail_page(mail: Mail) -> str:
    """Return the page of one mail: envelope, HTML, text, attachments, headers."""
    message = mail.message()
    subject = escape(mail.subject) or "(no subject)"
    sections = [
        f"<h1>{subject}</h1>",
        _facts(mail),
        _html_section(mail, message),
        _text_section(message),
        _attachments(mail, message),
        _headers(message),
    ]
    return _frame(mail.subject or "(no subject)", "".join(sections))


def html_part(mail: Mail) -> str | None:
    """Return the HTML of a mail, its inline pictures (`cid:`) pointing at their parts."""
    message = mail.message()
    body = _body(message, "html")
    if body is None:
        return None
    for part in parts(message):
        if part.content_id:
            address = f"/mails/{mail.id}/parts/{part.number}"
            body = body.replace(f"cid:{part.content_id}", address)
    # A link of the mail opens beside the mail catcher, as it would beside a mail client.
    opening = re.search(r"<head[^>]*>", body, re.IGNORECASE)
    place = opening.end() if opening else 0
    return f"{body[:place]}<base target='_blank'>{body[place:]}"


def part_of(mail: Mail, number: str) -> Part | None:
    """Return the part with this number, None where there is none."""
    return next((part for part in parts(mail.message()) if str(part.number) == number), None)


def parts(message: EmailMessage) -> Iterator[Part]:
    """Yield everything that is not the text or the HTML of the mail itself."""
    shown = [message.get_body(("html",)), message.get_body(("plain",))]
    for number, part in enumerate(message.walk()):
        if part.is_multipart() and part.get_content_type() != "message/rfc822":
            continue
        if any(part is one for one in shown):
            continue
        yield Part(
            number=number,
            name=part.get_filename() or f"part-{number}",
            kind=part.get_content_type(),
            content=_bytes(part),
            content_id=str(part.get("Content-ID", "")).strip().strip("<>"),
        )


def _bytes(part: MIMEPart) -> bytes:
    if part.get_content_type() == "message/rfc822":
        return b"".join(nested.as_bytes() for nested in part.iter_parts())
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _body(message: EmailMessage, kind: str) -> str | None:
    part = message.get_body((kind,))
    if part is None:
        return None
    try:
        return str(part.get_content())
    except (LookupError, ValueError):  # a charset that nobody knows
        return _bytes(part).decode("utf-8", "replace")


def _row(mail: Mail) -> str:
    subject = escape(mail.subject) or "(no subject)"
    return (
        f"<tr><td>{_when(mail)}</td><td>{escape(', '.join(mail.recipients))}</td>"
        f"<td><a href='/mails/{mail.id}'>{subject}</a></td></tr>"
    )


def _when(mail: Mail) -> str:
    stamp = mail.received_at
    return f"<time datetime='{stamp.isoformat()}'>{stamp:%Y-%m-%d %H:%M:%S}</time>"


def _facts(mail: Mail) -> str:
    facts = {
        "From": escape(mail.sender),
        "To": escape(", ".join(mail.recipients)),
        "Received (UTC)": _when(mail),
        "Size": f"{len(mail.content):,} bytes, <a href='/mails/{mail.id}.eml'>as it came</a>",
    }
    return "<dl>" + "".join(f"<dt>{n}</dt><dd>{v}</dd>" for n, v in facts.items()) + "</dl>"


def _html_section(mail: Mail, message: EmailMessage) -> str:
    if message.get_body(("html",)) is None:
        return ""
    return (
        "<h2>HTML</h2><iframe title='The HTML part of this mail' "
        f"sandbox='allow-popups allow-popups-to-escape-sandbox' src='/mails/{mail.id}.html'>"
        "</iframe>"
    )


def _text_section(message: EmailMessage) -> str:
    text = _body(message, "plain")
    if text is None:
        return ""
    cut = "\n(cut here; the whole is in the .eml)" if len(text) > LONGEST_TEXT else ""
    return f"<h2>Text</h2><pre>{_linked(escape(text[:LONGEST_TEXT]))}{cut}</pre>"


def _linked(escaped: str) -> str:
    # In escaped text a quote or bracket is an entity, so the address cannot leave its attribute.
    return re.sub(
        r"https?://(?:[^\s&]|&amp;)+", r"<a href='\g<0>' rel='noreferrer'>\g<0></a>", escaped
    )


def _attachments(mail: Mail, message: EmailMessage) -> str:
    items = "".join(
        f"<li><a href='/mails/{mail.id}/parts/{part.number}'>{escape(part.name)}</a> "
        f"{escape(part.kind)}, {len(part.content):,} bytes</li>"
        for part in parts(message)
    )
    return f"<h2>Attachments</h2><ul>{items}</ul>" if items else ""


def _headers(message: EmailMessage) -> str:
    lines = "\n".join(f"{escape(name)}: {escape(str(value))}" for name, value in message.items())
    return f"<details><summary>Headers</summary><pre>{lines}</pre></details>"


def _frame(title: str, content: str, *, refresh: bool = False) -> str:
    # The list looks for new mails by itself; five seconds is soon enough for somebody who waits.
    again = "<meta http-equiv='refresh' content='5'>" if refresh else ""
    return (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"{again}<title>{escape(title)} - mail catcher</title>"
        "<link rel='icon' href='data:,'><link rel='stylesheet' href='/mail_catcher.css'></head>"
        f"<body><header><a href='/'>Mail catcher</a></header><main>{content}</main></body></html>"
    )
