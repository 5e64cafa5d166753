"""An empty project, and a pattern wired into it step by step."""

import subprocess
from pathlib import Path

from .header import Header, HeaderUnclear, Step, Version

# What a newcomer has before the first step: Django's `startproject shop` and Celery's own
# first steps; PostgreSQL where the pattern needs it. Addresses come from the environment.
DATABASE = """
import os

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": os.environ["DATABASE_HOST"],
        "USER": "postgres",
        "NAME": "shop",
    }
}
"""
INIT = "from .celery import app as celery_app\n"
APP = 'app = Celery("shop")'
CELERY = f"""\
import os
import warnings

from celery import Celery
from celery.exceptions import CDeprecationWarning, SecurityWarning

# Celery 5.7 would have queues in `task_routes` alone. Containers run this as root.
warnings.filterwarnings("ignore", r"\\s*The 'queue' task attribute", CDeprecationWarning)
warnings.filterwarnings("ignore", "You're running the worker with superuser", SecurityWarning)

{APP}

app.conf.broker_url = os.environ["BROKER_URL"]
app.conf.broker_connection_retry_on_startup = True
app.autodiscover_tasks(["shop"])
"""
WITH_DJANGO = 'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")\n'


def make_project(folder: Path, python: Path, header: Header, package: str, django: Version) -> None:
    """Make the empty project "shop" in `folder`, and follow the header in it."""
    shop = folder / "shop"
    if header.names("django"):
        start = ["-m", "django", "startproject", "shop", "."]
        subprocess.run([str(python), *start], cwd=folder, check=True)
        if header.names("psycopg"):
            _append(shop / "settings.py", DATABASE)
        celery = CELERY.replace("app = ", f"{WITH_DJANGO}app = ") + "app.autodiscover_tasks()\n"
    else:
        shop.mkdir()
        celery = CELERY
    if header.names("celery"):
        (shop / "celery.py").write_text(celery, encoding="utf-8")
        (shop / "__init__.py").write_text(INIT, encoding="utf-8")
    for step in header.steps(package, django):
        follow(step, shop)


def follow(step: Step, shop: Path) -> None:
    """Write a step's lines where it says; commands are left to the test of the wiring."""
    if not step.file:
        return
    path = shop / step.file
    if step.kind == "add":
        _append(path, f"\n{step.text}\n")
        return
    text = path.read_text(encoding="utf-8")
    if APP not in text:
        raise HeaderUnclear(f"A second step stands in the place of the app: {step.text!r}")
    path.write_text(text.replace(APP, step.text), encoding="utf-8")


def _append(path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(text)
