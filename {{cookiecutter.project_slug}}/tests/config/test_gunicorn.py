"""The web server's configuration is read from where all other settings are."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

LEFT_OUT = shutil.ignore_patterns(
    "var", ".env", ".venv", ".git", "__pycache__", "tests", ".*_cache"
)
SHOW = (
    "import runpy; found = runpy.run_path('config/gunicorn.py'); "
    "print(found['bind'], found['workers'])"
)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a copy of the project, with an `.env` of its own."""
    copy = tmp_path / "shop"
    shutil.copytree(settings.BASE_DIR, copy, ignore=LEFT_OUT)
    (copy / ".env").write_text("HOST=0.0.0.0\nPORT=8123\nWEB_CONCURRENCY=5\n")
    return copy


def configured(project: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Read the configuration as gunicorn does, and print what was found."""
    return subprocess.run(
        [sys.executable, "-c", SHOW],
        cwd=project,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_env_says_where_the_web_server_listens_and_with_how_many_processes(project: Path) -> None:
    done = configured(project)
    assert done.stdout.split() == ["0.0.0.0:8123", "5"], done.stderr


def test_the_environment_goes_before_env(project: Path) -> None:
    done = configured(project, HOST="::1", PORT="9000", WEB_CONCURRENCY="1")
    assert done.stdout.split() == ["[::1]:9000", "1"], done.stderr


@pytest.mark.parametrize(
    ("name", "value"), [("PORT", "abc"), ("WEB_CONCURRENCY", "0"), ("LOG_FORMAT", "xml")]
)
def test_a_wrong_number_is_said_in_one_line(project: Path, name: str, value: str) -> None:
    done = configured(project, **{name: value})
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert done.stderr.startswith(f'Environment variable "{name}" invalid: ')
