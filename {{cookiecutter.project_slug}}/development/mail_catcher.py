"""Catch every mail of the shop, and show it in the browser instead of sending it to anybody.

`python -m development.mail_catcher --smtp-port 1025 --http-port 8025 [--folder var/mails]`.
`POST /control` with `{"delay_seconds": 0.8, "refuse_next": 1}` makes the SMTP side slow, or
refuse with 451, as real ones are and do. Loopback only.
"""

import argparse
import asyncio
import signal
import threading
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from development.mail_pages import MailPages
from development.mailbox import Control, Mailbox

# What large providers accept; the shop's own limit is below it.
LARGEST_MAIL_BYTES = 35 * 1024 * 1024


class Catcher:
    """The SMTP side: takes everything, as it is told to by `control`."""

    def __init__(self, mailbox: Mailbox, control: Control) -> None:
        """Keep what arrives in `mailbox`."""
        self.mailbox = mailbox
        self.control = control

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Take one mail; a crash after the answer does not lose it where there is a folder."""
        await asyncio.sleep(self.control.delay_seconds)
        if self.control.take_refusal():
            return "451 4.3.0 The mail catcher was told to refuse this one"
        content = envelope.content
        assert isinstance(content, bytes)  # noqa: S101  aiosmtpd decodes only when asked to
        sender, recipients = envelope.mail_from or "", list(envelope.rcpt_tos)
        mail = await asyncio.to_thread(self.mailbox.add, sender, recipients, content)
        print(f"mail for {', '.join(recipients)}: {mail.subject}", flush=True)
        return "250 2.0.0 Caught"


def main() -> None:
    """Serve until SIGTERM or Ctrl-C."""
    parser = argparse.ArgumentParser(prog="mail_catcher", description=__doc__.partition("\n")[0])
    parser.add_argument("--smtp-port", type=int, default=1025, help="where the shop sends to")
    parser.add_argument("--http-port", type=int, default=8025, help="where the pages are")
    parser.add_argument("--folder", type=Path, help="keep the mails here (default: in memory)")
    options = parser.parse_args()
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    mailbox, control = Mailbox(options.folder), Control()
    smtp = Controller(
        Catcher(mailbox, control),
        hostname="127.0.0.1",
        port=options.smtp_port,
        data_size_limit=LARGEST_MAIL_BYTES,
        ready_timeout=60,  # seconds; its own 5 are few on a busy machine
        enable_SMTPUTF8=True,
    )
    try:
        pages = MailPages(options.http_port, mailbox, control)
        smtp.start()
    except OSError as error:
        ports = f"ports {options.smtp_port} and {options.http_port}"
        raise SystemExit(f"mail_catcher: {ports}: {error}. Choose others") from error
    threading.Thread(target=pages.serve_forever, daemon=True).start()
    print(f"mails on http://127.0.0.1:{options.http_port}", flush=True)
    ended.wait()
    smtp.stop()
    pages.shutdown()


if __name__ == "__main__":
    main()
