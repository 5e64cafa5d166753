"""The mail to ADMINS: by SMTP, at once, past every queue, within a timeout."""

import platform
from collections.abc import Sequence
from datetime import UTC
from email.utils import make_msgid, parseaddr
from typing import Any

from django.conf import settings
from django.core import mail
from django.core.mail import EmailMessage
from django.core.mail.backends import smtp

from . import configuration
from .problem import Notice, encodable, one_line

LONGEST_SUBJECT = 150
TITLES = {"raised": "New", "reminded": "Still", "cleared": "Gone"}


def send(notices: Sequence[Notice], open_count: int) -> None:
    """Mail these to everybody in ADMINS, in one mail; `open_count` problems are there now.

    Raises what the mail server does: then nobody was mailed, or it is not known. Without ADMINS
    there is nothing to do.
    """
    recipients = [each if isinstance(each, str) else each[1] for each in settings.ADMINS]
    if not recipients:
        return
    domain = parseaddr(settings.SERVER_EMAIL)[1].rpartition("@")[2]
    message = EmailMessage(
        subject=f"{settings.EMAIL_SUBJECT_PREFIX}{subject(notices, open_count)}"[:LONGEST_SUBJECT],
        body=body(notices, open_count),
        from_email=settings.SERVER_EMAIL,
        to=recipients,
        # Django would ask DNS for one.
        headers={"Message-ID": make_msgid(domain=domain or "none.invalid")},
    )
    _connection().send_messages([message])


def obstacle() -> str:
    """Return why an alarm would reach nobody by mail, "" where it would. Connects to nothing."""
    if not settings.ADMINS:
        return "" if configuration.notify() else "ADMINS is empty, and so is FAILURE_CHECK_NOTIFY"
    try:
        _connection()
    except Exception as error:  # whatever a backend raises at its options
        return f"the mailer refuses its settings ({error})"
    return ""


def subject(notices: Sequence[Notice], open_count: int) -> str:
    """Return the news in a line."""
    raised = [notice for notice in notices if notice.event == "raised"]
    news = raised or [notice for notice in notices if notice.event == "reminded"]
    if not news and not open_count:
        return "All clear!"
    first = one_line((news or notices)[0].sentence)
    if not news:
        return f"Gone, {open_count} left: {first}"
    more = f" (and {len(news) - 1} more)" if len(news) > 1 else ""
    still = "" if raised else "still: "
    return f"{news[0].severity.upper()} {still}{first}{more}"


def body(notices: Sequence[Notice], open_count: int) -> str:
    """Return all of it, the new first."""
    order = list(TITLES)
    parts = [_part(each) for each in sorted(notices, key=lambda each: order.index(each.event))]
    state = "All clear!" if not open_count else f"Problems now: {open_count}."
    parts.append(f"{state}\nThe state as it is now: manage.py allclear\n{platform.node()}")
    return encodable("\n\n".join(parts) + "\n")


def _part(notice: Notice) -> str:
    since = f"since {notice.raised_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    head = f"{TITLES[notice.event]}: {one_line(notice.sentence)}"
    if notice.event == "cleared":
        return f"{head}\n  {notice.name}, it was there {since}"
    return (
        f"{head}\n  What to do: {one_line(notice.remedy)}\n"
        f"  {notice.severity}, {notice.name}, {since}"
    )


def _connection() -> Any:
    if hasattr(mail, "mailers") and hasattr(settings, "MAILERS"):
        connection: Any = mail.mailers[configuration.mailer()]
    else:
        connection = smtp.EmailBackend(fail_silently=False)
    seconds = configuration.timeout_seconds()
    if hasattr(connection, "timeout"):
        # Several answers are waited for: together they shall be in time.
        connection.timeout = min(connection.timeout or seconds, seconds / 2)
    return connection
