"""The folder works wherever it is copied to, and where there is no Django."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from patterns.brokers import app
from tests.servers import Server

USE = """
import os, sys
sys.modules["django"] = None  # as where it is not installed
from vendored.own.app import GuardedCelery
from vendored.own.handing import hand_over, show
from vendored.own.owner import Owner
app = GuardedCelery("shop", broker=os.environ["BROKER"], owner=Owner("shop", "production"))
app.send_task("tests.say")
hand_over(app, "shop@production", Owner("shop", "staging"))
assert show(app).owner == "shop@staging"
"""
SETTINGS = """
SECRET_KEY = "for tests"
INSTALLED_APPS = ["vendored.own"]
USE_TZ = True
"""


def test_the_folder_works_under_another_name(tmp_path: Path, broker: Server) -> None:
    shutil.copytree(
        Path(app.__file__).parent,
        tmp_path / "vendored" / "own",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    (tmp_path / "elsewhere.py").write_text(SETTINGS)
    own = {"PYTHONPATH": str(tmp_path), "BROKER": broker.url}
    environment = {"PATH": os.environ["PATH"], **own}
    plain = [sys.executable, "-W", "error", "-c", USE]
    check = [sys.executable, "-m", "django", "check", "--fail-level", "WARNING"]
    for command, more in ((plain, {}), (check, {"DJANGO_SETTINGS_MODULE": "elsewhere"})):
        done = subprocess.run(
            command, env=environment | more, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stdout + done.stderr
