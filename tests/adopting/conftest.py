"""An old project with real servers, changed step by step as a page of docs/adopting says."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import unquote, urlsplit

import psycopg
import pytest

ROOT = Path(__file__).parent.parent.parent
sys.path.append(str(ROOT / "{{cookiecutter.project_slug}}"))

from development.postgres import start_postgres  # noqa: E402  found through the line above
from development.valkey import start_valkey  # noqa: E402

from tests.processes import Process, Start, processes  # noqa: E402
from tests.servers import eventually  # noqa: E402

STEP = re.compile(
    r"^```python\n# (?P<file>\S+\.py), step (?P<step>\d)\n(?P<code>.*?)^```$", re.M | re.S
)
SETTINGS = '''"""What the page leaves out of an old project's settings."""

import importlib.util
import os

from django.utils.module_loading import import_string

SECRET_KEY = "only-for-tests"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = ["django.contrib.contenttypes", "oldshop"]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": os.environ["OLD_DATABASE_HOST"],
        "USER": "postgres",
        "NAME": "oldshop",
    }
}
EMAIL_HOST, EMAIL_PORT = "127.0.0.1", int(os.environ.get("OLD_SMTP_PORT", "1"))
DEFAULT_FROM_EMAIL = "shop@example.com"
CELERY_BROKER_URL = os.environ["OLD_BROKER"]
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
if importlib.util.find_spec("oldshop.adopted"):
    import oldshop.adopted

    INSTALLED_APPS = [*INSTALLED_APPS, *getattr(oldshop.adopted, "INSTALLED_APPS", [])]
    vars().update(
        {
            name: value
            for name, value in vars(oldshop.adopted).items()
            if name.isupper() and name != "INSTALLED_APPS"
        }
    )
'''
MODELS = '''"""A note."""

from django.db import models


class Note(models.Model):
    """What a task has written."""

    text = models.TextField()
'''


class Project:
    """A project in a folder, on servers of its own, whose processes `begin` starts."""

    def __init__(self, folder: Path, page: Path, environment: dict[str, str], begin: Start) -> None:
        self.folder, self.environment, self.begin = folder, environment, begin
        self.page = page.read_text(encoding="utf-8")
        self.steps = [match.groupdict() for match in STEP.finditer(self.page)]
        assert self.steps, f"{page} has no step"
        self.python("-m", "django", "startproject", "oldshop", ".", environment={})
        (folder / "oldshop" / "settings.py").write_text(SETTINGS)
        (folder / "oldshop" / "models.py").write_text(MODELS)
        self.at(0)
        self.python("manage.py", "makemigrations", "oldshop")
        self.python("manage.py", "migrate", "-v0")

    def at(self, step: int) -> None:
        """Give each file of the page what the newest step up to this one says."""
        for file in {each["file"] for each in self.steps}:
            codes = [e["code"] for e in self.steps if e["file"] == file and int(e["step"]) <= step]
            path = self.folder / file
            if codes:
                path.write_text(codes[-1])
            else:
                path.unlink(missing_ok=True)

    def copy(self, pattern: str) -> None:
        """Copy a pattern as a page says, under another package's name."""
        (self.folder / "kit").mkdir(exist_ok=True)
        (self.folder / "kit" / "__init__.py").touch()
        shutil.copytree(ROOT / "patterns" / pattern, self.folder / "kit" / pattern)

    def python(self, *words: str, environment: dict[str, str] | None = None) -> str:
        """Run a command of the project's and return what it prints."""
        done = subprocess.run(
            [sys.executable, *words],
            cwd=self.folder,
            env=self.environment if environment is None else {"PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, f"{words}:\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def run(self, code: str) -> str:
        """Run Python in the project, as a view of its web process would."""
        return self.python("manage.py", "shell", "-v0", "-c", code)

    def start(self, *words: str, ready: str) -> Process:
        """Start a process of the project's and wait until it says that it is ready."""
        process = self.begin(sys.executable, *words)
        eventually(lambda: process.has_said(ready))
        return process

    def worker(self, queue: str = "celery") -> Process:
        """Start a worker of one process."""
        return self.start(
            *("-m", "celery", "-A", "oldshop.celery", "worker", "-c", "1", "-l", "INFO"),
            *("-Q", queue, "-n", f"{queue}@old", "--without-gossip", "--without-mingle"),
            ready=" ready.",
        )

    def stop(self, *processes: Process) -> None:
        """Stop processes as a deploy does."""
        for each in processes:
            each.process.terminate()
        for each in processes:
            each.end(60)

    def sql(self, statement: str) -> Any:
        """Return the rows of a statement, [] of one that has none."""
        with psycopg.connect(
            host=self.environment["OLD_DATABASE_HOST"], user="postgres", dbname="oldshop"
        ) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def notes(self) -> list[str]:
        """Return what tasks have written, in order of their names."""
        return [row[0] for row in self.sql("SELECT text FROM oldshop_note ORDER BY text")]


@pytest.fixture
def old_project(tmp_path: Path) -> Iterator[Callable[..., Project]]:
    """Return a function that makes the project of a page."""
    with ExitStack() as stack:
        # Not in pytest's folder, which is closed to PostgreSQL's own user.
        base = stack.enter_context(TemporaryDirectory(prefix="postgres-"))
        postgres = start_postgres(Path(base), database="oldshop", durable=False)
        stack.callback(postgres.stop)
        broker = start_valkey(tmp_path / "broker", durable=False)
        stack.callback(broker.stop)

        def make(page: str, **environment: str) -> Project:
            folder = tmp_path / "project"
            folder.mkdir()
            variables = {
                "PATH": os.environ["PATH"],
                "HOME": str(tmp_path),
                "DJANGO_SETTINGS_MODULE": "oldshop.settings",
                "OLD_DATABASE_HOST": unquote(urlsplit(postgres.url).netloc.rpartition("@")[2]),
                "OLD_BROKER": broker.url,
                # Celery 5.7 warns of a superuser, which containers run tests as.
                "C_FORCE_ROOT": "1",
                **environment,
            }
            begin = stack.enter_context(processes(folder, variables, patience_seconds=0))
            return Project(folder, ROOT / "docs" / "adopting" / page, variables, begin)

        yield make
