"""The mail says in its subject what is new, and "All clear!" when nothing is left."""

import time
from datetime import UTC, datetime
from email import message_from_bytes, policy
from typing import Any

import django
import pytest
from django.core import mail

from patterns.failure_check import mails
from patterns.failure_check.problem import Notice
from tests.failure_check.conftest import mail_to
from tests.servers import SMTPServer

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def notice(event: Any, name: str = "tap", severity: Any = "critical", **parts: Any) -> Notice:
    words = {"sentence": f"The {name} drips.", "remedy": "Turn it off.", **parts}
    return Notice(name=name, severity=severity, event=event, raised_at=NOW, **words)


@pytest.mark.parametrize(
    ("notices", "open_count", "subject"),
    [
        ([notice("raised")], 1, "CRITICAL The tap drips."),
        ([notice("raised"), notice("raised", "pipe")], 2, "CRITICAL The tap drips. (and 1 more)"),
        ([notice("cleared", "pipe"), notice("raised")], 1, "CRITICAL The tap drips."),
        ([notice("reminded")], 1, "CRITICAL still: The tap drips."),
        ([notice("cleared")], 0, "All clear!"),
        ([notice("cleared")], 2, "Gone, 2 left: The tap drips."),
        ([notice("raised", sentence="a\nBcc: b@example.com")], 1, "CRITICAL a Bcc: b@example.com"),
    ],
)
def test_the_subject_is_the_news(notices: list[Notice], open_count: int, subject: str) -> None:
    assert mails.subject(notices, open_count) == subject


def test_the_body_has_the_remedy_and_since_when() -> None:
    body = mails.body([notice("cleared", "pipe"), notice("raised")], 1)
    new, gone, state = body.split("\n\n")
    assert new == (
        "New: The tap drips.\n  What to do: Turn it off.\n"
        "  critical, tap, since 2026-01-02 03:04:05 UTC"
    )
    assert gone.startswith("Gone: The pipe drips.")
    assert state.startswith("Problems now: 1.")


def test_it_goes_to_all_admins_at_once(smtp: SMTPServer, settings: Any) -> None:
    settings.ADMINS = ["ops@example.com", ("Boss", "boss@example.com")]
    mails.send([notice("raised", sentence="Schräg \udce4\x00.")], 1)
    [(_, recipients, content)] = smtp.mails
    mail = message_from_bytes(content, policy=policy.default)
    assert recipients == ["ops@example.com", "boss@example.com"]
    assert mail["Subject"].endswith("CRITICAL Schräg ?.")


def test_without_admins_there_is_nothing_to_do(settings: Any) -> None:
    settings.ADMINS = []
    mail_to(settings, 1)
    mails.send([notice("raised")], 1)


def test_a_mail_server_that_is_away_raises(settings: Any) -> None:
    settings.ADMINS = ["ops@example.com"]
    mail_to(settings, 1)
    with pytest.raises(OSError, match="refused"):
        mails.send([notice("raised")], 1)


def test_one_that_does_not_answer_is_given_up(smtp: SMTPServer, settings: Any) -> None:
    settings.FAILURE_CHECK_TIMEOUT_SECONDS = 1
    smtp.delay_seconds = 60
    began = time.monotonic()
    with pytest.raises(OSError, match="timed out"):
        mails.send([notice("raised")], 1)
    smtp.go_on()
    assert time.monotonic() - began < 30


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::PendingDeprecationWarning")
def test_a_project_without_mailers_sends_by_its_email_settings(
    smtp: SMTPServer, settings: Any
) -> None:
    if hasattr(settings, "MAILERS"):
        del settings.MAILERS
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", smtp.port
    mails.send([notice("raised")], 1)
    assert len(smtp.mails) == 1


@pytest.mark.skipif(django.VERSION < (6, 1), reason="before, it is always SMTP's own backend")
def test_a_mailer_that_has_no_timeout_is_used_as_it_is(settings: Any) -> None:
    settings.ADMINS = ["ops@example.com"]
    settings.MAILERS = {"delivery": {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"}}
    mail.outbox.clear()
    mails.send([notice("raised")], 1)
    assert [each.to for each in mail.outbox] == [["ops@example.com"]]
