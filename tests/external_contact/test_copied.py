"""The folder works wherever it is copied to."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from patterns.external_contact import hook

SETTINGS = """
SECRET_KEY = "copied"
INSTALLED_APPS = ["vendored.tripwire"]
MIDDLEWARE = ["vendored.tripwire.middleware.ExternalContactMiddleware"]
ROOT_URLCONF = "elsewhere"
ALLOWED_HOSTS = ["testserver"]
DEBUG = True
urlpatterns = []
if __name__ == "elsewhere":
    import socket
    from django.http import HttpResponse
    from django.urls import path
    def view(request):
        socket.create_connection(("203.0.113.7", 25))
        return HttpResponse()
    urlpatterns = [path("", view)]
"""
USE = """
import django
django.setup()
from django.core.management import call_command
from django.test import Client
call_command("check", fail_level="WARNING")
from vendored.tripwire.errors import ExternalContact
try:
    Client().get("/")
except ExternalContact as contact:
    assert "203.0.113.7:25 at elsewhere.py:13 in view" in str(contact), contact
else:
    raise AssertionError("it was not seen")
"""


def test_the_folder_works_under_another_name(tmp_path: Path) -> None:
    shutil.copytree(
        Path(hook.__file__).parent,
        tmp_path / "vendored" / "tripwire",
        ignore=shutil.ignore_patterns("__pycache__", "testing.py"),
    )
    (tmp_path / "elsewhere.py").write_text(SETTINGS.lstrip())
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "elsewhere",
    }
    command = [sys.executable, "-W", "error", "-c", USE]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
