"""A queue is added by one line and one command, and all else follows, in a project as generated."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from .test_analytics_removal import project_run

# What the settings require; nothing of it is reached by a plain check.
ENVIRONMENT = {
    **{"DEBUG": "1", "SECRET_KEY": "a" * 50, "PAYMENTS_API_KEY": "key"},
    **{"DATABASE_URL": "postgres://127.0.0.1:1/shop", "BROKER_URL": "redis://127.0.0.1:1/0"},
    **{"ANALYTICS_BROKER_URL": "redis://127.0.0.1:2/0", "EMAIL_URL": "smtp://127.0.0.1:1"},
    "PAYMENTS_URL": "http://127.0.0.1:1",
}
TASK = '''

@app.task(name="config.report", queue="reports")
def report() -> None:
    """Take from the new queue."""
'''
TESTS = '''"""The new queue is everywhere."""

import time
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from config import alarms
from config.celery import app
from config.queues import SHOP
from config.tasks import report
from development.testing import enqueued


def test_it_has_a_cap_and_is_celery_s() -> None:
    assert settings.DURABLE_TASKS_QUEUES["reports"]["cap"] == 1_000_000
    assert "reports" in app.amqp.queues


@pytest.mark.django_db(transaction=True)
def test_a_late_task_on_it_is_told_and_a_worker_takes_it(
    celery_worker_process: Any, broker_url: str
) -> None:
    report.delay()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE durable_tasks_task SET due_at = now() - interval '1 hour'")
    told = {problem.name: problem.remedy for problem in alarms.queues()}
    assert "queue_late:reports" in told
    assert SHOP.by_name["reports"].command in told["no_worker:reports"]

    worker = celery_worker_process("reports")

    deadline = time.monotonic() + 60
    while enqueued("reports"):
        assert time.monotonic() < deadline, worker.log_path.read_text()
        time.sleep(0.05)
'''


def manage(project: Path, *command: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "manage.py", *command],
        cwd=project,
        env={"PATH": os.environ["PATH"], **ENVIRONMENT, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, template: Path) -> Path:
    """Make a project, once for the tests of this module."""
    folder = tmp_path_factory.mktemp("project")
    command = [sys.executable, "-m", "cookiecutter", "--no-input", "--output-dir", str(folder)]
    (folder / "configuration.yml").write_text(f"replay_dir: {folder}/replay\n")
    configured = ["--config-file", str(folder / "configuration.yml"), str(template)]
    subprocess.run([*command, *configured], check=True, capture_output=True, timeout=120)
    return folder / "all_clear_shop"


@pytest.fixture
def project(made: Path) -> Iterator[Path]:
    """Give the project, and put back what the test has changed."""
    changed = ("config/queues.py", "config/tasks.py", "Procfile")
    texts = {name: (made / name).read_text("utf-8") for name in changed}
    yield made
    for name, text in texts.items():
        (made / name).write_text(text, "utf-8")
    shutil.rmtree(made / "tests/added", ignore_errors=True)


def add_queue(project: Path) -> None:
    """Write the line that the project's README gives into its list."""
    readme = (project / "README.md").read_text("utf-8")
    (line,) = re.findall(r'^    Queue\(name="reports", .+\),\n', readme, re.M)
    file = project / "config/queues.py"
    file.write_text(re.sub(r"^SHOP = Queues\(\n", rf"\g<0>{line}", file.read_text(), flags=re.M))


def write_procfile(project: Path) -> None:
    """Run the command that the project's README names, in a shell."""
    readme = (project / "README.md").read_text("utf-8")
    (command,) = re.findall(r"^\| `uv run (manage\.py queues .+ > Procfile)`", readme, re.M)
    done = subprocess.run(
        f"{sys.executable} {command}",
        shell=True,
        cwd=project,
        env={"PATH": os.environ["PATH"], **ENVIRONMENT},
        timeout=120,
        check=False,
    )
    assert done.returncode == 0


def test_a_queue_is_added_by_one_line_and_one_command(project: Path) -> None:
    add_queue(project)
    refused = manage(project, "check")
    assert refused.returncode == 1
    assert "queues.E003) Procfile is not what QUEUES_PROCESSES says: it lacks worker_reports" in (
        refused.stderr
    )
    write_procfile(project)
    checked = manage(project, "check")
    assert checked.returncode == 0, checked.stderr
    assert "worker_reports" in manage(project, "queues").stdout

    with (project / "config/tasks.py").open("a") as tasks:
        tasks.write(TASK)
    (project / "tests/added").mkdir()
    (project / "tests/added/test_reports.py").write_text(TESTS)
    own = ("tests/config/test_processes.py", "tests/config/test_checks.py")
    assert " passed" in project_run(project, "tests/added/test_reports.py", *own)


@pytest.mark.parametrize(
    ("file", "before", "after", "identity"),
    [
        ("Procfile", " -Q mail ", " -Q mail,admin ", "queues.E004"),
        ("config/tasks.py", 'queue="default"', 'queue="dafault"', "queues.E001"),
        ("config/queues.py", 'why="slow work', 'pool="threads", why="slow work', "queues.E007"),
        ("config/queues.py", 'why="slow work', 'pool="solo", why="slow work', "queues.E005"),
        ("config/queues.py", 'why="money', 'calls_outside=True, why="money', "queues.E006"),
    ],
)
def test_a_project_in_which_a_queue_has_no_worker_of_its_own_is_refused(
    project: Path, file: str, before: str, after: str, identity: str
) -> None:
    text = (project / file).read_text("utf-8")
    assert before in text
    (project / file).write_text(text.replace(before, after), "utf-8")
    refused = manage(project, "check")
    assert refused.returncode == 1
    assert f"({identity})" in refused.stderr


def test_a_process_that_is_taken_out_of_the_list_is_missed(project: Path) -> None:
    file = project / "config/processes.py"
    text = file.read_text("utf-8")
    try:
        file.write_text(text.replace("for queues in APPS\n", "for queues in APPS[:1]\n"), "utf-8")
        refused = manage(project, "check")
    finally:
        file.write_text(text, "utf-8")
    assert "(queues.E002) Queue 'analytics' has no worker" in refused.stderr


def test_the_forms_of_a_project_wait_as_long_as_its_workers_take(project: Path) -> None:
    options = {"WORKER_SHUTDOWN_SECONDS": "20"}
    text = manage(project, "queues", "--format", "compose", **options).stdout
    services: dict[str, Any] = yaml.safe_load(text)["services"]
    for name, service in services.items():
        if name.startswith("worker_"):
            assert service["environment"]["WORKER_SHUTDOWN_SECONDS"] == "20"
            assert service["stop_grace_period"] == "28s"
    assert services["web"]["environment"] == {"HOST": "0.0.0.0", "PORT": "8000"}
    procfile = manage(project, "queues", "--format", "procfile", **options).stdout
    assert procfile == (project / "Procfile").read_text("utf-8")
