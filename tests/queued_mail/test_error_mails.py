"""Errors reach a person past the queue and the database, soon, and not a thousand times."""

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import django
import pytest
from development.postgres import start_postgres
from development.server import Server
from django.db import connection
from django.test import Client

from patterns.queued_mail.error_mails import ErrorMailHandler
from patterns.queued_mail.models import QueuedMail
from tests.queued_mail.conftest import SOURCES, SMTPServer, deliver_to, eventually, socket_folder

BOTH = ["ops@example.com", "boss@example.com"]
logger = logging.getLogger("shop.orders")


@pytest.fixture(autouse=True)
def admins(settings: Any) -> None:
    settings.ADMINS = BOTH if django.VERSION >= (6, 0) else [("", each) for each in BOTH]
    settings.EMAIL_SUBJECT_PREFIX = "[Shop] "
    settings.SERVER_EMAIL = "Shop <server@example.com>"


@pytest.fixture
def handler() -> Iterator[ErrorMailHandler]:
    handler = ErrorMailHandler(timeout_seconds=10)
    handler.setLevel(logging.ERROR)
    root = logging.getLogger()
    root.addHandler(handler)
    yield handler
    root.removeHandler(handler)
    eventually(lambda: not being_sent())


def being_sent() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name == "error mail"]


def arrived(smtp: SMTPServer, number: int = 1) -> list[EmailMessage]:
    eventually(lambda: not being_sent())
    assert len(smtp.mails) == number
    return [message_from_bytes(each, policy=policy.default) for _, _, each in smtp.mails]


def text(mail: EmailMessage) -> str:
    content: str = mail.get_content()
    return content


def fail(words: str) -> None:
    try:
        raise RuntimeError(words)
    except RuntimeError:
        logger.exception("An order is stuck: %s", words)


@pytest.fixture
def own_postgres() -> Iterator[Server]:
    # Not in pytest's folder: see migrated_postgres().
    with TemporaryDirectory(prefix="postgres-") as folder:
        server = start_postgres(Path(folder), database="shop", durable=False)
        try:
            yield server
        finally:
            server.stop()


def test_an_error_is_mailed_while_the_database_is_stopped(
    handler: ErrorMailHandler,
    smtp: SMTPServer,
    own_postgres: Server,
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(connection.settings_dict, "HOST", socket_folder(own_postgres.url))
        connection.close()
        connection.ensure_connection()
        own_postgres.stop()
        client = Client(raise_request_exception=False)
        answer = client.post("/reset/", {"email": "pat@example.com", "password": "correct horse"})
        connection.close()

    assert answer.status_code == 500
    [mail] = arrived(smtp)
    assert smtp.mails[0][1] == BOTH
    assert mail["Subject"] == "[Shop] ERROR: Internal Server Error: /reset/"
    assert mail["Message-ID"].endswith("@example.com>")
    assert "OperationalError" in text(mail)
    assert "POST /reset/" in text(mail)
    assert "correct horse" not in text(mail)  # nor what else was posted
    assert "only-for-tests" not in text(mail)  # nor the settings


@pytest.mark.parametrize("is_early", [False, True], ids=["in the view", "in a middleware"])
def test_an_error_mail_names_the_route_where_the_path_holds_a_token(
    handler: ErrorMailHandler, smtp: SMTPServer, settings: Any, is_early: bool
) -> None:
    if is_early:
        settings.MIDDLEWARE = [*settings.MIDDLEWARE, "mail_shop.middleware.broken"]
    answer = Client(raise_request_exception=False).get("/reset/MQ/the-live-token/")

    assert answer.status_code == 500
    [mail] = arrived(smtp)
    route = "/reset/<uidb64>/<token>/"
    assert mail["Subject"] == f"[Shop] ERROR: Internal Server Error: {route}"
    assert f"GET {route}" in text(mail)
    assert b"the-live-token" not in smtp.mails[0][2]


def test_an_error_mail_about_a_path_of_no_view_does_not_show_it(
    handler: ErrorMailHandler, smtp: SMTPServer, settings: Any
) -> None:
    settings.MIDDLEWARE = ["mail_shop.middleware.broken"]
    Client(raise_request_exception=False).get("/reset/MQ/the-live-token/typo")
    arrived(smtp)
    assert b"the-live-token" not in smtp.mails[0][2]


def test_an_error_mail_does_not_go_through_the_queue(
    handler: ErrorMailHandler, smtp: SMTPServer
) -> None:
    fail("x")
    [mail] = arrived(smtp)
    assert "RuntimeError" in text(mail)
    assert not QueuedMail.objects.exists()


def test_whatever_is_logged_makes_a_mail_and_no_header(
    handler: ErrorMailHandler, smtp: SMTPServer
) -> None:
    words = "Grüße \ud800 \x00\r\nBcc: all@example.com"  # half a character among them
    handler.handle(logging.makeLogRecord({"msg": words, "levelname": "ERROR"}))
    [mail] = arrived(smtp)
    assert mail["Bcc"] is None
    assert "Grüße ?" in mail["Subject"]
    assert "Grüße ?" in text(mail)


def test_without_admins_nothing_is_mailed(
    handler: ErrorMailHandler, smtp: SMTPServer, settings: Any
) -> None:
    settings.ADMINS = []
    fail("x")
    arrived(smtp, 0)


def test_a_failing_loop_is_mailed_once_a_period_and_counted(
    handler: ErrorMailHandler, smtp: SMTPServer
) -> None:
    for n in range(1000):
        fail(f"again {n}")
    arrived(smtp, 1)
    handler.mailed_at = {place: at - 601 for place, at in handler.mailed_at.items()}
    fail("the next period")
    assert "999 more errors" in text(arrived(smtp, 2)[1])


def test_errors_of_many_places_are_ten_mails_a_period(
    handler: ErrorMailHandler, smtp: SMTPServer
) -> None:
    for n in range(30):
        code = compile("\n" * n + "1 / 0", "orders.py", "exec")
        try:
            exec(code)
        except ZeroDivisionError:
            logger.exception("place %d", n)
    arrived(smtp, 10)


def test_a_frozen_mail_server_holds_up_nobody_and_no_thread_for_long(
    handler: ErrorMailHandler,
    smtp: SMTPServer,
    settings: Any,
    capsys: pytest.CaptureFixture[str],
) -> None:
    smtp.delay_seconds = 300.0
    deliver_to(settings, smtp.port, timeout=300)  # the handler's own is another
    handler.timeout_seconds = 8.0
    fail("x")
    assert being_sent()  # whoever waited for the server would find none
    eventually(lambda: not being_sent())
    smtp.go_on()
    assert "timed out" in capsys.readouterr().err.lower()


def test_a_mail_server_that_is_away_is_told_to_stderr_alone(
    handler: ErrorMailHandler, settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    deliver_to(settings, 1)
    fail("x")
    eventually(lambda: not being_sent())
    assert "ConnectionRefusedError" in capsys.readouterr().err


def test_a_backend_without_a_timeout_sends_error_mails_too(
    handler: ErrorMailHandler, settings: Any, tmp_path: Path
) -> None:
    path = "django.core.mail.backends.filebased.EmailBackend"
    if hasattr(settings, "MAILERS"):
        delivery = {"BACKEND": path, "OPTIONS": {"file_path": str(tmp_path)}}
        settings.MAILERS = {**settings.MAILERS, "delivery": delivery}
    else:
        settings.EMAIL_FILE_PATH = str(tmp_path)
        settings.QUEUED_MAIL_DELIVERY_BACKEND = path
    fail("x")
    eventually(lambda: not being_sent())
    assert b"[Shop] ERROR: " in next(tmp_path.glob("*.log")).read_bytes()


def test_a_record_that_cannot_be_written_is_told_to_stderr_and_disturbs_nobody(
    handler: ErrorMailHandler, smtp: SMTPServer, capsys: pytest.CaptureFixture[str]
) -> None:
    # Past the logger: pytest's own handlers raise what the project's tell to stderr.
    handler.handle(
        logging.LogRecord("shop", logging.ERROR, "shop.py", 1, "%d", ("no number",), None)
    )
    assert "TypeError: %d format" in capsys.readouterr().err
    assert arrived(smtp, 0) == []


@contextmanager
def no_thread(words: str) -> Iterator[None]:
    """Let no thread be started, for the reason that Python gives in these words."""

    def refuse(self: threading.Thread) -> None:
        raise RuntimeError(words)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("patterns.queued_mail.error_mails.Thread.start", refuse)
        yield


def test_while_the_interpreter_ends_the_mail_is_sent_at_once(
    handler: ErrorMailHandler, smtp: SMTPServer
) -> None:
    with no_thread("can't create new thread at interpreter shutdown"):
        fail("last words")
    assert len(arrived(smtp)) == 1


def test_where_the_machine_gives_no_thread_nobody_waits_for_the_mail_server(
    handler: ErrorMailHandler, smtp: SMTPServer, capsys: pytest.CaptureFixture[str]
) -> None:
    with no_thread("can't start new thread"):
        fail("x")
    arrived(smtp, 0)
    assert "can't start new thread" in capsys.readouterr().err


def test_the_last_words_of_a_process_are_mailed(smtp: SMTPServer, tmp_path: Path) -> None:
    script = (
        "import logging, django; django.setup();"
        "from patterns.queued_mail.error_mails import ErrorMailHandler;"
        "from django.conf import settings;"
        f"settings.ADMINS = {BOTH!r};"
        "logging.getLogger().addHandler(ErrorMailHandler());"
        "logging.getLogger().error('last words')"
    )
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(SOURCES),
        "DJANGO_SETTINGS_MODULE": "kit_project.settings",
        "QUEUED_MAIL_TEST_SMTP_PORT": str(smtp.port),
    }
    command = [sys.executable, "-c", script]
    subprocess.run(command, env=environment, check=True, timeout=60, cwd=tmp_path)
    assert arrived(smtp)[0]["Subject"] == "[Django] ERROR: last words"
