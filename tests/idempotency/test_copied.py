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

INSTALLED_APPS = ["vendored.once"]
"""
USE = """
import django
django.setup()
from django.core.management import call_command
from django.db import transaction
call_command("check", fail_level="WARNING")
call_command("makemigrations", check=True, dry_run=True)
from vendored.once import ledger
with ledger.effect("copied-1", keeps_key_hours=24) as effect, transaction.atomic():
    effect.record("ch_1")
from celery import current_app
current_app.finalize()
assert "idempotency.delete_recorded" in current_app.tasks
"""


def test_the_folder_works_under_another_name(tmp_path: Path) -> None:
    shutil.copytree(
        REPOSITORY / "patterns" / "idempotency",
        tmp_path / "vendored" / "once",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    (tmp_path / "elsewhere.py").write_text(SETTINGS)
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join([str(tmp_path), SOURCES[2]]),
        "DJANGO_SETTINGS_MODULE": "elsewhere",
        "QUEUED_MAIL_TEST_DATABASE_HOST": connection.settings_dict["HOST"],
    }
    # Celery warns of a task's `queue` attribute (see mail_shop/celery.py), so not all are errors.
    command = [sys.executable, "-c", USE]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Django" not in done.stderr, done.stderr
