"""The mail catcher's pages: a list, one mail, and the same as JSON for scripts."""

import json
from dataclasses import asdict
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from development.mail_rendering import html_part, list_page, mail_page, part_of
from development.mailbox import Control, Mail, Mailbox

LARGEST_BODY_BYTES = 4_096  # of an order by POST, which has some fifty
STYLESHEET = Path(__file__).parent / "mail_catcher.css"
# The pages run nothing and load nothing but their own stylesheet.
PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; img-src data:; frame-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
# A mail's HTML may style itself and show its own pictures. It runs and fetches nothing: opening
# a mail must not tell anybody that it was opened.
MAIL_POLICY = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; "
    "style-src 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'self'"
)
PART_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'"


class MailPages(ThreadingHTTPServer):
    """The server of the pages."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, port: int, mailbox: Mailbox, control: Control) -> None:
        """Listen on loopback."""
        super().__init__(("127.0.0.1", port), Conversation)
        self.mailbox = mailbox
        self.control = control


class Conversation(BaseHTTPRequestHandler):
    """One connection of a browser or a script."""

    server: MailPages
    protocol_version = "HTTP/1.1"
    timeout = 30  # seconds; a silent client does not hold a thread for ever

    def do_GET(self) -> None:
        """Answer a page, a mail, or JSON."""
        path = urlsplit(self.path).path
        if not self._is_for_us():
            return self._text(HTTPStatus.FORBIDDEN, "The mail catcher answers on 127.0.0.1 only.")
        if path == "/":
            return self._page(list_page(self.server.mailbox.newest()))
        if path == "/mail_catcher.css":
            return self._answer(200, STYLESHEET.read_bytes(), "text/css")
        if path == "/mails.json":
            return self._json(200, [_summary(mail) for mail in self.server.mailbox.newest()])
        if path == "/control":
            return self._json(200, asdict(self.server.control))
        if path == "/health":
            return self._json(200, {"status": "ok"})
        return self._mail(path)

    do_HEAD = do_GET

    def do_POST(self) -> None:
        """Change how the SMTP side behaves, or forget all mails."""
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal() or int(length) > LARGEST_BODY_BYTES:
            self.close_connection = True
            return self._text(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "Too large.")
        body = self.rfile.read(int(length))
        if not self._is_for_us() or not self._is_our_page_or_a_script():
            return self._text(HTTPStatus.FORBIDDEN, "Only the mail catcher's own page may ask it.")
        if self.path == "/control":
            return self._change(body)
        if self.path == "/clear":
            self.server.mailbox.clear()
            return self._answer(303, b"", "text/plain", Location="/")
        return self._text(HTTPStatus.NOT_FOUND, "There is no such page.")

    def _change(self, body: bytes) -> None:
        try:
            wrong = self.server.control.change(json.loads(body))
        except ValueError:
            wrong = "the body is not JSON"
        if wrong is not None:
            return self._json(400, {"error": wrong})
        return self._json(200, asdict(self.server.control))

    def _mail(self, path: str) -> None:
        _, folder, name, *rest = [*path.split("/"), "", ""]
        identity, _, kind = name.partition(".")
        mail = self.server.mailbox.get(identity) if folder == "mails" else None
        if mail is None:
            return self._text(HTTPStatus.NOT_FOUND, "There is no such page, or mail, any more.")
        if kind == "eml":
            disposition = f'attachment; filename="{mail.id}.eml"'
            return self._answer(
                200, mail.content, "message/rfc822", **{"Content-Disposition": disposition}
            )
        if kind == "html":
            return self._html(mail)
        if rest[0] == "parts":
            return self._part(mail, rest[1])
        return self._page(mail_page(mail))

    def _html(self, mail: Mail) -> None:
        content = html_part(mail)
        if content is None:
            return self._text(HTTPStatus.NOT_FOUND, "This mail has no HTML part.")
        headers = {"Content-Security-Policy": MAIL_POLICY}
        return self._answer(200, content.encode(), "text/html; charset=utf-8", **headers)

    def _part(self, mail: Mail, number: str) -> None:
        part = part_of(mail, number)
        if part is None:
            return self._text(HTTPStatus.NOT_FOUND, "This mail has no such part.")
        # Pictures are shown in the mail; everything else is saved, never opened.
        kind = part.kind if part.is_picture else "application/octet-stream"
        headers = {"Content-Security-Policy": PART_POLICY}
        if not part.is_picture:
            headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{part.quoted_name}"
        return self._answer(200, part.content, kind, **headers)

    def _is_for_us(self) -> bool:
        # A page of the internet could rebind its own name to this address and read the mails.
        name = self.headers.get("Host", "").rpartition(":")[0].lower()
        return name in {"127.0.0.1", "localhost"}

    def _is_our_page_or_a_script(self) -> bool:
        return self.headers.get("Sec-Fetch-Site", "same-origin") in {"same-origin", "none"}

    def _page(self, html: str) -> None:
        headers = {"Content-Security-Policy": PAGE_POLICY}
        self._answer(200, html.encode(), "text/html; charset=utf-8", **headers)

    def _json(self, status: int, value: Any) -> None:
        self._answer(status, json.dumps(value).encode(), "application/json")

    def _text(self, status: int, text: str) -> None:
        self._answer(status, text.encode(), "text/plain; charset=utf-8")

    def _answer(self, status: int, content: bytes, kind: str, **headers: str) -> None:
        self.send_response(status)
        fixed = {
            "Content-Type": kind,
            "Content-Length": str(len(content)),
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-store",
        }
        for name, value in (fixed | headers).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the mails themselves are shown as they arrive."""


def _summary(mail: Mail) -> dict[str, Any]:
    return {
        "id": mail.id,
        "from": mail.sender,
        "to": mail.recipients,
        "subject": mail.subject,
        "received_at": mail.received_at.isoformat(),
    }
