"""Errors are mailed to ADMINS, whatever is down but the mail server."""

import os
import subprocess
import sys
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from development.testing import SmtpServer

ROOT = Path(__file__).parent.parent.parent
ASK = """
import django
django.setup()
from django.conf import settings
# No static files are collected here.
PLAIN = "django.contrib.staticfiles.storage.StaticFilesStorage"
settings.STORAGES["staticfiles"]["BACKEND"] = PLAIN
from django.test import Client
answer = Client(raise_request_exception=False).get("/", secure=True)
assert answer.status_code == 500, answer
"""


def ask_without_database(server: SmtpServer, **environment: str) -> None:
    away = {
        "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/gone",
        "BROKER_URL": "redis://127.0.0.1:1/0",
        "EMAIL_URL": server.url,
        "DEBUG": "False",
        "SITE_URL": "https://testserver",
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }
    subprocess.run(
        [sys.executable, "-c", ASK], env=os.environ | away | environment, check=True, cwd=ROOT
    )


def test_an_error_is_mailed_once_while_database_and_broker_are_away(
    smtp_server: SmtpServer,
) -> None:
    ask_without_database(smtp_server, ADMINS="ops@example.com,boss@example.com")

    [envelope] = smtp_server.messages
    assert isinstance(envelope.content, bytes)
    mail = message_from_bytes(envelope.content, policy=policy.default)
    body = mail.get_body(("plain",))
    assert envelope.rcpt_tos == ["ops@example.com", "boss@example.com"]
    assert "Internal Server Error: /" in mail["Subject"]
    assert body is not None
    assert "OperationalError" in body.get_content()


@pytest.mark.parametrize("environment", [{}, {"ADMINS": "ops@example.com", "DEBUG": "True"}])
def test_without_admins_and_in_development_no_error_is_mailed(
    smtp_server: SmtpServer, environment: dict[str, str]
) -> None:
    ask_without_database(smtp_server, **environment)

    assert smtp_server.messages == []
