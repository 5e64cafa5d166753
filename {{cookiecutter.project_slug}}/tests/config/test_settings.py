"""Settings are closed in production, and say in one line what they miss."""

import json
import os
import subprocess
import sys
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import connection

PRODUCTION = {
    "SECRET_KEY": "a-long-random-key-" + "0123456789abcdef" * 4,
    "DEBUG": "False",
    "SITE_URL": "https://shop.example.com",
    "ALLOWED_HOSTS": "shop.example.com",
    "CSRF_TRUSTED_ORIGINS": "https://shop.example.com",
    "DATABASE_URL": "postgresql://shop:pw@10.0.0.1/shop",
    "BROKER_URL": "redis://10.0.0.2:6379/0",
    "ANALYTICS_BROKER_URL": "redis://10.0.0.3:6379/0",
    "EMAIL_URL": "submission://shop:pw@mail.example.com:587",
    "DEFAULT_FROM_EMAIL": "shop@example.com",
    "PAYMENTS_URL": "https://payments.example.com",
    "PAYMENTS_API_KEY": "key",
    "ADMINS": "ops@example.com",
    "FLOWER_METRICS_TOKEN": "another-long-random-token-0123456789",
}
REQUIRED = [
    "SECRET_KEY",
    "DATABASE_URL",
    "BROKER_URL",
    "ANALYTICS_BROKER_URL",  # analytics
    "EMAIL_URL",
    "PAYMENTS_URL",
    "PAYMENTS_API_KEY",
    "SITE_URL",
]


def run(*command: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run a command of the project with nothing but this environment."""
    return subprocess.run(
        [sys.executable, *command],
        cwd=settings.BASE_DIR,
        # Set to nothing, so that a developer's .env does not fill in what shall be missing.
        env={"PATH": os.environ["PATH"], **dict.fromkeys(REQUIRED, ""), **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_the_deployment_check_is_clean_in_production() -> None:
    done = run("manage.py", "check", "--deploy", "--fail-level", "WARNING", **PRODUCTION)
    assert done.returncode == 0, done.stderr
    assert "no issues" in done.stdout


@pytest.mark.parametrize(
    "command",
    [
        ("manage.py", "check"),
        ("-m", "celery", "-A", "config", "worker", "-Q", "mail"),
        ("-m", "gunicorn", "--config", "config/gunicorn.py", "config.wsgi"),
    ],
    ids=["manage.py", "celery", "gunicorn"],
)
def test_what_is_missing_is_said_in_one_line(command: tuple[str, ...]) -> None:
    done = run(*command, **{**PRODUCTION, "SECRET_KEY": "", "DATABASE_URL": ""})
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    lines = [line for line in done.stderr.splitlines() if "Not set" in line]
    assert lines == [
        "Not set in the environment: SECRET_KEY, DATABASE_URL. Run `uv run start.py`, which makes"
        " them up, or set them as README.md says."
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "mysql://shop:hunter2@x/y"),
        ("BROKER_URL", "redis//shop:hunter2@h"),
        ("ANALYTICS_BROKER_URL", "redis://:hunter2@h:abc/0"),  # analytics
        ("SITE_URL", "http://[::1"),
        ("PAYMENTS_URL", "foo"),
        ("EMAIL_URL", "smtp+tls://shop:hunter2@h:587"),
        ("DEBUG", "perhaps"),
        ("LOG_LEVEL", "loud"),
        ("LOG_FORMAT", "xml"),
        ("FLOWER_PORT", "abc"),
        ("ANALYTICS_FLOWER_PORT", "0"),  # analytics
        ("FLOWER_ALLOWS_ACTIONS", "perhaps"),
        ("FLOWER_PORT", "99999"),
        ("FLOWER_URL", "flower.example.com"),
        ("WORKER_SHUTDOWN_SECONDS", "soon"),
    ],
)
def test_what_is_wrong_is_said_in_one_line_without_a_password(name: str, value: str) -> None:
    done = run("-c", "import config.settings", **{**PRODUCTION, name: value})
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert done.stderr.startswith(f'Environment variable "{name}" invalid: ')
    assert done.stderr.endswith(". Correct it as README.md says.\n")
    assert "hunter2" not in done.stderr


@pytest.mark.parametrize(
    ("url", "port", "starttls", "tls"),
    [
        ("submission://shop:p%40ss@mail.example.com", 587, True, False),
        ("submission://shop:p%40ss@mail.example.com:2587", 2587, True, False),
        ("submissions://shop:p%40ss@mail.example.com", 465, False, True),
        ("smtp://shop:p%40ss@mail.example.com", 25, False, False),
    ],
)
def test_a_mail_servers_scheme_says_whether_there_is_tls(
    url: str, port: int, starttls: bool, tls: bool
) -> None:
    said = shown("EMAIL_HOST_PASSWORD", "EMAIL_PORT", "EMAIL_USE_TLS", "EMAIL_USE_SSL", url=url)
    assert said == ["p@ss", port, starttls, tls]


def shown(*names: str, url: str) -> list[Any]:
    """Return these settings where EMAIL_URL is `url`."""
    code = (
        "import json, sys; from config import settings; "
        "print(json.dumps([getattr(settings, name) for name in sys.argv[1:]]))"
    )
    done = run("-c", code, *names, **{**PRODUCTION, "EMAIL_URL": url})
    assert done.returncode == 0, done.stderr
    found: list[Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("EMAIL_URL", "smtp://shop:hunter2@127.0.0.1", "shop.E007"),
        ("EMAIL_URL", "smtp://mail.example.com", "shop.E007"),
        ("SITE_URL", "http://shop.example.com", "shop.E008"),
    ],
)
def test_the_deployment_check_refuses_what_has_no_tls(name: str, value: str, told: str) -> None:
    done = run("manage.py", "check", "--deploy", **{**PRODUCTION, name: value})
    assert done.returncode == 1
    assert told in done.stderr
    assert "hunter2" not in done.stderr


def test_the_sites_address_is_made_up_in_development_alone() -> None:
    without = {**PRODUCTION, "SITE_URL": ""}
    assert run("-c", "import config.settings", **without).stderr.startswith(
        "Not set in the environment: SITE_URL. "
    )
    without.pop("SITE_URL")
    code = "from config import settings; print(settings.SITE_URL)"
    done = run("-c", code, **{**without, "DEBUG": "True"})
    assert done.stdout == "http://127.0.0.1:8000\n", done.stderr


def test_a_worker_for_an_undeclared_queue_is_refused_in_one_line() -> None:
    done = run("-m", "celery", "-A", "config", "worker", "-Q", "mail,mial", **PRODUCTION)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1] == (
        "celery worker -Q names the queue 'mial', which is not declared."
        " Declared are: default, mail, purchasing, admin."
    )


@pytest.mark.django_db(transaction=True)
def test_a_database_that_takes_no_writes_is_as_one_that_is_away() -> None:
    """After a failover the old primary may still answer."""
    asked = {**connection.get_connection_params(), "cursor_factory": None, "context": None}
    with psycopg.connect(**asked, autocommit=True) as first:
        first.execute("CREATE DATABASE standby")
        first.execute("ALTER DATABASE standby SET default_transaction_read_only = on")
        try:
            with pytest.raises(psycopg.OperationalError, match="read-only"):
                psycopg.connect(**{**asked, "dbname": "standby"})
        finally:
            first.execute("DROP DATABASE standby")
