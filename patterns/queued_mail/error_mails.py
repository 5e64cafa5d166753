"""A logging handler that mails errors to ADMINS by the delivery backend itself.

Not through the queue: it would need the database whose outage it reports. Not while the caller
waits: a thread sends it, within a timeout. Not without bounds: an error at one place is mailed
once in ten minutes, ten errors at most, and the next mail says how many were left out.

It mails the message and the traceback, not what was posted, nor the settings, nor what a path
holds beside its route (the token of a password reset, say): each may be a secret.
"""

import logging
import platform
import time
from email.utils import make_msgid, parseaddr
from pathlib import PurePath
from threading import Thread
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage

from .connection import delivery_connection
from .request_paths import shown_path, without_secrets

# A person reads the first screen; a traceback of a recursion has megabytes.
LONGEST_BODY = 50_000
LONGEST_SUBJECT = 150


class ErrorMailHandler(logging.Handler):
    """Mail a record to everybody in ADMINS; without ADMINS do nothing.

    Crash: a process that is killed meanwhile mails nothing; one that ends waits for its mails.
    A mail server that is away, or a machine that gives no thread: the failure goes to stderr, as of
    every handler, and the mail is lost. The bounds are those of each process.
    """

    def __init__(
        self, timeout_seconds: float = 10, period_seconds: float = 600, most_a_period: int = 10
    ) -> None:
        """Make a handler that waits `timeout_seconds` for each answer of the mail server."""
        super().__init__()
        self.timeout_seconds = timeout_seconds
        self.period_seconds = period_seconds
        self.most_a_period = most_a_period
        self.mailed_at: dict[tuple[Any, ...], float] = {}
        self.left_out = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Mail the record, unless too much is mailed already."""
        try:
            recipients = admins()
            if not recipients or not self.is_within_bounds(origin(record)):
                return
            message = self.message(record, recipients)
            thread = Thread(target=self.send, args=(message, record), name="error mail")
            try:
                thread.start()
            except RuntimeError as error:
                # Where the interpreter is ending nobody is held up, and nothing but the words tells
                # so: sys.is_finalizing() does not yet. Where the machine gives no thread, whoever
                # logs would wait for the mail server, one after the other: that mail is lost.
                if "shutdown" not in str(error):
                    raise
                self.send(message, record)
        except Exception:
            self.handleError(record)

    def is_within_bounds(self, place: tuple[Any, ...]) -> bool:
        """Tell whether to mail an error of this place now. Called with the handler's lock held."""
        now = time.monotonic()
        since = now - self.period_seconds
        self.mailed_at = {where: at for where, at in self.mailed_at.items() if at > since}
        if place in self.mailed_at or len(self.mailed_at) >= self.most_a_period:
            self.left_out += 1
            return False
        self.mailed_at[place] = now
        return True

    def message(self, record: logging.LogRecord, recipients: list[str]) -> EmailMessage:
        """Return the mail; a Message-ID of our own, since Django would ask DNS for one."""
        request = getattr(record, "request", None)
        said = without_secrets(f"{record.levelname}: {record.getMessage()}", request)
        body = f"{without_secrets(self.format(record), request)}\n\n{surroundings(record)}\n"
        if self.left_out:
            body += f"{self.left_out} more errors since the last mail were only logged.\n"
        self.left_out = 0
        domain = parseaddr(settings.SERVER_EMAIL)[1].rpartition("@")[2]
        return EmailMessage(
            subject=encodable(
                f"{settings.EMAIL_SUBJECT_PREFIX}{' '.join(said.split())}"[:LONGEST_SUBJECT]
            ),
            body=encodable(body[-LONGEST_BODY:]),
            from_email=settings.SERVER_EMAIL,
            to=recipients,
            headers={"Message-ID": make_msgid(domain=domain or "none.invalid")},
        )

    def send(self, message: EmailMessage, record: logging.LogRecord) -> None:
        """Send by the delivery backend, which is given no more time than this handler's."""
        try:
            connection = delivery_connection()
            if hasattr(connection, "timeout"):
                connection.timeout = min(connection.timeout or 3600, self.timeout_seconds)
            connection.send_messages([message])
        except Exception:
            self.handleError(record)


def encodable(text: str) -> str:
    """Return a text that a mail can carry: what is logged may hold half a character."""
    return text.encode("utf-8", "replace").decode("utf-8")


def admins() -> list[str]:
    """Return the addresses in ADMINS: texts, or before Django 6.0 pairs of name and address."""
    return [each if isinstance(each, str) else each[1] for each in settings.ADMINS]


def origin(record: logging.LogRecord) -> tuple[Any, ...]:
    """Return where an error comes from: the innermost line of its traceback, or its call."""
    traceback = record.exc_info[2] if record.exc_info else None
    if traceback is None:
        return (record.name, record.pathname, record.lineno)
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    return (record.name, traceback.tb_frame.f_code.co_filename, traceback.tb_lineno)


def surroundings(record: logging.LogRecord) -> str:
    """Return which process and which request it was. Asks nothing: not even who is logged in."""
    where = f"{record.processName} {record.process} on {platform.node()}"
    request: Any = getattr(record, "request", None)
    if hasattr(request, "method") and hasattr(request, "path"):
        where = f"{request.method} {shown_path(request)}\n{where}"
    return f"{record.name}, {PurePath(record.pathname).name}:{record.lineno}\n{where}"
