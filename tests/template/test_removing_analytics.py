"""Analytics comes out of a project as `analytics/README.md` says, and the rest still stands."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ENVIRONMENT = {
    "SECRET_KEY": "x" * 50,
    "DATABASE_URL": "postgres://nobody@127.0.0.1:1/nothing",
    "BROKER_URL": "redis://127.0.0.1:1/0",
    "EMAIL_URL": "smtp://127.0.0.1:1",
    "PAYMENTS_URL": "http://127.0.0.1:1",
    "PAYMENTS_API_KEY": "x",
    "PYTHONUTF8": "1",
}


@pytest.fixture
def project(make: Any) -> Path:
    """Return a project without analytics: its table aside, for nothing was migrated."""
    project = Path(make())
    shutil.rmtree(project / "analytics")
    shutil.rmtree(project / "tests/analytics")
    for file in project.rglob("*"):
        if file.is_file():
            lines = file.read_bytes().splitlines(keepends=True)
            kept = [line for line in lines if not line.rstrip().endswith(b"# analytics")]
            if kept != lines:
                file.write_bytes(b"".join(kept))
    return project


def test_a_project_without_analytics_is_whole(project: Path) -> None:
    procfile = manage(project, "procfile")
    assert "analytics" not in procfile
    (project / "Procfile").write_text(procfile)

    assert "no issues" in manage(project, "check")
    left = {
        file.relative_to(project).as_posix()
        for file in project.rglob("*.py")
        if "from analytics" in file.read_text("utf-8")
    }
    assert left == set()


def test_every_file_of_a_project_without_analytics_can_be_compiled(project: Path) -> None:
    for file in project.rglob("*.py"):
        compile(file.read_text("utf-8"), str(file), "exec")


def manage(project: Path, command: str) -> str:
    """Run a command of the project and return what it printed."""
    done = subprocess.run(
        [sys.executable, "manage.py", command],
        cwd=project,
        env={"PATH": os.environ["PATH"], **ENVIRONMENT},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
