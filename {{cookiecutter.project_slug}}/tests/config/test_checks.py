"""Each check complains of what it is for, and of nothing in the shop as it is."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import CheckMessage, run_checks
from pytest_django import Settings

from config import checks
from config.celery import app
from config.processes import PROCESSES, procfile


def ids(found: list[CheckMessage]) -> list[str | None]:
    return [message.id for message in found]


def test_the_shop_passes_every_check() -> None:
    assert run_checks() == []


@pytest.fixture
def stray_task() -> Iterator[Any]:
    """Define a task whose queue is then taken away, as a settings override would."""

    @app.task(name="tests.stray", queue="admin", shared=False)
    def body() -> None: ...

    assert body.name == "tests.stray"  # has Celery bind it now
    yield app.tasks["tests.stray"]  # itself: `body` is a proxy, with a class of its own
    app.tasks.pop("tests.stray")


def test_e001_a_task_on_no_declared_queue(stray_task: Any) -> None:
    type(stray_task).queue = "mial"
    (error,) = checks.check_tasks(None)
    assert error.id == "shop.E001"
    assert "tests.stray names the queue 'mial'" in error.msg


def test_e002_a_queue_without_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    fewer = {name: command for name, command in PROCESSES.items() if name != "worker_mail"}
    monkeypatch.setattr(checks, "PROCESSES", fewer)
    assert "shop.E002" in ids(checks.check_processes(None))


def test_e003_a_procfile_that_is_out_of_date(settings: Settings, tmp_path: Path) -> None:
    settings.BASE_DIR = tmp_path
    (tmp_path / "Procfile").write_text(procfile().replace("worker_mail", "mailer"))
    (error,) = checks.check_processes(None)
    assert error.id == "shop.E003"
    assert error.hint == "Run `python manage.py procfile > Procfile`."


def test_e003_comments_and_a_missing_procfile_are_no_fault(
    settings: Settings, tmp_path: Path
) -> None:
    settings.BASE_DIR = tmp_path
    assert checks.check_processes(None) == []
    (tmp_path / "Procfile").write_text(f"# ours\n\n{procfile()}")
    assert checks.check_processes(None) == []
