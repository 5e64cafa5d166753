"""Settings are closed in production, and say in one line what they miss."""

import os
import subprocess
import sys

import pytest
from django.conf import settings

PRODUCTION = {
    "SECRET_KEY": "a-long-random-key-" + "0123456789abcdef" * 4,
    "DEBUG": "False",
    "SITE_URL": "https://shop.example.com",
    "ALLOWED_HOSTS": "shop.example.com",
    "CSRF_TRUSTED_ORIGINS": "https://shop.example.com",
    "DATABASE_URL": "postgresql://shop:pw@10.0.0.1/shop",
    "BROKER_URL": "redis://10.0.0.2:6379/0",
    "ANALYTICS_BROKER_URL": "redis://10.0.0.3:6379/0",
    "EMAIL_URL": "smtp+tls://shop:pw@mail.example.com:587",
    "DEFAULT_FROM_EMAIL": "shop@example.com",
    "PAYMENTS_URL": "https://payments.example.com",
    "PAYMENTS_API_KEY": "key",
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
    ("name", "value"), [("DATABASE_URL", "nonsense"), ("DEBUG", "perhaps"), ("FLOWER_PORT", "x")]
)
def test_what_is_wrong_is_said_in_one_line(name: str, value: str) -> None:
    done = run("manage.py", "check", **{**PRODUCTION, name: value})
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert f'"{name}" invalid' in done.stderr


def test_a_worker_for_an_undeclared_queue_is_refused_in_one_line() -> None:
    done = run("-m", "celery", "-A", "config", "worker", "-Q", "mail,mial", **PRODUCTION)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1] == (
        "celery worker -Q names the queue 'mial', which is not declared."
        " Declared are: default, mail, purchasing, admin."
    )
