"""The folder works wherever it is copied to, and its list of queues without Django."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent.parent / "patterns" / "queues"
LANES = """
from celery import Celery
from vendored.lanes import Process, Queue, Queues

app = Celery("somewhere", broker="memory://")
QUEUES = Queues(Queue(name="mail", why="mails", app="somewhere"))
app.conf.update(QUEUES.celery_settings(default="mail"))
LISTS = (QUEUES,)
PROCESSES = (Process(name="web", why="answers", command="gunicorn web"), *QUEUES.processes())
"""
WITHOUT_DJANGO = """
import sys
sys.modules["django"] = None
from somewhere import QUEUES, app
from vendored.lanes.deployment import FORMS, Target
assert list(app.amqp.queues) == ["mail"]
assert "worker_mail" in FORMS["procfile"].files(QUEUES.processes(), Target(name="a"))["Procfile"]
"""
IN_DJANGO = """
import django
from django.conf import settings
settings.configure(
    INSTALLED_APPS=["vendored.lanes"],
    QUEUES_LISTS="somewhere.LISTS",
    QUEUES_PROCESSES="somewhere.PROCESSES",
)
django.setup()
from django.core.management import call_command
call_command("check", fail_level="WARNING")
call_command("queues")
settings.QUEUES_LISTS = "somewhere.NOTHING"
from django.core.checks import run_checks
assert [each.id for each in run_checks()] == ["queues.E008"]
"""


@pytest.mark.parametrize("code", [WITHOUT_DJANGO, IN_DJANGO], ids=["without django", "in django"])
def test_the_folder_works_under_another_name(tmp_path: Path, code: str) -> None:
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(SOURCE, tmp_path / "vendored" / "lanes", ignore=ignored)
    (tmp_path / "somewhere.py").write_text(LANES)
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
