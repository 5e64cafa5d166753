"""Whoever reads the logs or an error mail cannot set anybody's password."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

from django.urls import URLPattern, URLResolver, get_resolver

from config.secret_paths import SECRET
from development.ports import free_port
from development.testing import SmtpServer

ROOT = Path(__file__).parent.parent.parent
LINK = "/accounts/password/reset/MQ/c0ffee-livetoken/"
ASK = """
import django
django.setup()
from django.conf import settings
# No static files are collected here.
PLAIN = "django.contrib.staticfiles.storage.StaticFilesStorage"
settings.STORAGES["staticfiles"]["BACKEND"] = PLAIN
from django.test import Client
client = Client(raise_request_exception=False, enforce_csrf_checks=True)
LINK = "/accounts/password/reset/MQ/c0ffee-livetoken/"
assert client.get(LINK, secure=True).status_code == 500  # the database is away
assert client.get(LINK + "x", secure=True).status_code == 404
assert client.post(LINK, secure=True).status_code == 403
import logging
logging.getLogger("django.server").info('"GET %s HTTP/1.1" 302 0', LINK)
"""
BROKEN_APP = """
def app(environ, start_response):
    raise RuntimeError(f"no way to {environ['PATH_INFO']}")
"""
# Gunicorn as it is configured, but for the database that it would wait for.
BROKEN_CONFIG = "from config.gunicorn import logconfig_dict\naccesslog = '-'  # and yet off\n"
NAMES_OF_SECRETS = re.compile(r"token|secret|uidb64|signature")


def views(resolver: URLResolver, before: str = "/") -> Iterator[str]:
    for pattern in resolver.url_patterns:
        path = before + str(pattern.pattern)
        if isinstance(pattern, URLPattern):
            yield path
        else:
            yield from views(pattern, path)


def test_every_view_whose_path_holds_a_secret_is_known() -> None:
    holding = [path for path in views(get_resolver()) if NAMES_OF_SECRETS.search(path)]
    assert holding
    for path in holding:
        # As a request has it, not as the pattern says it.
        asked = re.sub(r"<[^>]*>", "c0ffee", path)
        assert "c0ffee" not in SECRET.sub(r"\1...", asked), f"{path}: see config/secret_paths.py"


def test_no_log_line_and_no_error_mail_holds_a_live_reset_link(smtp_server: SmtpServer) -> None:
    away = {
        "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/gone",
        "BROKER_URL": "redis://127.0.0.1:1/0",
        "EMAIL_URL": smtp_server.url,
        "DEBUG": "False",
        "SITE_URL": "https://testserver",
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "ADMINS": "ops@example.com",
    }
    done = subprocess.run(
        [sys.executable, "-c", ASK],
        env=os.environ | away,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    for line in ("Internal Server Error", "Not Found", "Forbidden (", "GET"):
        assert re.search(rf"{re.escape(line)}[^\n]* /accounts/password/reset/\.\.\.", said), line
    assert "livetoken" not in said
    [envelope] = smtp_server.messages
    assert isinstance(envelope.content, bytes)
    assert b"OperationalError" in envelope.content
    assert b"livetoken" not in envelope.content


def test_the_web_server_s_own_logs_hold_no_live_reset_link(tmp_path: Path) -> None:
    (tmp_path / "broken_app.py").write_text(BROKEN_APP)
    (tmp_path / "broken_config.py").write_text(BROKEN_CONFIG)
    port = free_port()
    command = ["-m", "gunicorn", "--config", str(tmp_path / "broken_config.py"), "broken_app:app"]
    with subprocess.Popen(
        [sys.executable, *command, "--bind", f"127.0.0.1:{port}", "--no-control-socket"],
        env=os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=ROOT,
    ) as server:
        try:
            assert server.stdout is not None
            said = ""
            while "Booting worker" not in said:
                line = server.stdout.readline()
                assert line, said
                said += line
            with suppress(HTTPError):
                urlopen(f"http://127.0.0.1:{port}{LINK}", timeout=30)
        finally:
            server.terminate()
        said += server.communicate(timeout=60)[0]
    assert "Error handling request GET /accounts/password/reset/..." in said
    assert "RuntimeError: no way to /accounts/password/reset/..." in said
    assert "livetoken" not in said
