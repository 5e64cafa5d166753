"""The folder works wherever it is copied to, and its migrations say what its models say."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from django.db import connection

from tests.queued_mail.conftest import REPOSITORY, SOURCES

SETTINGS = """
from mail_shop.settings import DATABASES, SECRET_KEY, USE_TZ

INSTALLED_APPS = ["vendored.alarms"]
FAILURE_CHECK_HEARTBEATS = {}
"""
USE = """
import django
django.setup()
from django.core.management import call_command
call_command("check", fail_level="WARNING")
call_command("makemigrations", check=True, dry_run=True)
from vendored.alarms.watch import Watch
Watch("beat").turn()
call_command("allclear")
"""


def test_the_folder_works_under_another_name(tmp_path: Path) -> None:
    shutil.copytree(
        REPOSITORY / "patterns" / "failure_check",
        tmp_path / "vendored" / "alarms",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    (tmp_path / "elsewhere.py").write_text(SETTINGS)
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join([str(tmp_path), SOURCES[2]]),
        "DJANGO_SETTINGS_MODULE": "elsewhere",
        "QUEUED_MAIL_TEST_DATABASE_HOST": connection.settings_dict["HOST"],
    }
    command = [sys.executable, "-W", "error", "-c", USE]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("All clear!\n")
