"""The folder works wherever it is copied to, and its migrations say what its models say."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from development.server import Server

from tests.queued_mail.conftest import REPOSITORY, SOURCES, socket_folder

SETTINGS = """
from mail_shop.settings import *

INSTALLED_APPS = [name.replace("patterns.queued_mail", "vendored.mails") for name in INSTALLED_APPS]
PRESENT = ("django.", "vendored.")
INSTALLED_APPS = [name for name in INSTALLED_APPS if name.startswith(PRESENT)]
ROOT_URLCONF = "django.contrib.auth.urls"
if "MAILERS" in globals():
    for alias, module in {"default": "backend", "delivery": "smtp"}.items():
        MAILERS[alias]["BACKEND"] = f"vendored.mails.{module}.EmailBackend"
else:
    EMAIL_BACKEND = "vendored.mails.backend.EmailBackend"
"""
SEND = """
import django
django.setup()
from django.core.management import call_command
from django.db import transaction
from django.core.mail import send_mail
call_command("check", fail_level="ERROR")
call_command("makemigrations", check=True, dry_run=True)
from vendored.mails.models import QueuedMail
with transaction.atomic():
    assert send_mail("Hi", "x", None, ["a@example.com"]) == 1
    assert QueuedMail.objects.get().subject == "Hi"
    transaction.set_rollback(True)
from celery import current_app
current_app.finalize()
assert "queued_mail.deliver" in current_app.tasks
"""


def test_the_folder_works_under_another_name(database: Server, tmp_path: Path) -> None:
    shutil.copytree(
        REPOSITORY / "patterns" / "queued_mail",
        tmp_path / "vendored" / "mails",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    (tmp_path / "elsewhere.py").write_text(SETTINGS)
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join([str(tmp_path), SOURCES[2]]),
        "DJANGO_SETTINGS_MODULE": "elsewhere",
        "QUEUED_MAIL_TEST_DATABASE_HOST": socket_folder(database.url),
    }
    # Celery warns of a task's `queue` attribute (see mail_shop/celery.py), so not all are errors.
    command = [sys.executable, "-c", SEND]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Django" not in done.stderr, done.stderr
