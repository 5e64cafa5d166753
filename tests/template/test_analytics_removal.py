"""A project that removed analytics by its README's words passes its own tests."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

# Those that a line forgotten outside the folder would break; the whole suite takes minutes.
QUICK_TESTS = (
    "tests/config/test_processes.py",
    "tests/config/test_checks.py",
    "tests/config/test_flower_redirect.py",
    "tests/backoffice/test_page.py",
    # One of the cases: the others import no more.
    "tests/config/test_every_task_twice.py::"
    "test_a_second_run_changes_nothing_and_contacts_nobody[config.clear_sessions]",
)
# The files of a project in which a line may bear the mark.
KINDS = ("*.py", "*.toml", "*.yml", "*.conf")
SECONDS = 240  # some 35 on two busy cores


def project_run(project: Path, *command: str) -> str:
    """Run a command of the project with servers of its own, and return what it printed."""
    done = subprocess.run(
        # A folder of its own: pytest closes the common one to other users, PostgreSQL's among them.
        [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "no:cacheprovider",
            "-q",
            *command,
            f"--basetemp={project.parent / 'pytest'}",
        ],
        cwd=project,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    return done.stdout


@pytest.fixture
def project(make: object, tmp_path: Path) -> Path:
    """Return a project from which analytics was removed as its README says."""
    made = make()  # type: ignore[operator]
    project = Path(made)
    readme = (project / "analytics/README.md").read_text("utf-8")
    (folders,) = re.findall(r"^\d\. Delete the folders (.+)\.$", readme, re.MULTILINE)
    (mark,) = re.findall(r"Delete every line that ends in `(# \w+)`", readme)
    for folder in re.findall(r"`([\w/]+)`", folders):
        shutil.rmtree(project / folder)
    for file in [path for kind in KINDS for path in project.rglob(kind)]:
        lines = file.read_text("utf-8").splitlines(keepends=True)
        file.write_text(
            "".join(line for line in lines if not line.rstrip().endswith(mark)), "utf-8"
        )
    procfile = project / "Procfile"
    procfile.write_text(re.sub(r"^\w+_analytics: .*\n", "", procfile.read_text(), flags=re.M))
    return project


def test_a_project_without_analytics_passes_its_own_tests(project: Path) -> None:
    (project / "tests/test_migrations.py").write_text(
        '"""The models and the migrations agree without analytics."""\n\n'
        "import pytest\nfrom django.core.management import call_command\n\n\n"
        "@pytest.mark.django_db\ndef test_no_migration_is_missing() -> None:\n"
        '    call_command("check")\n'
        '    call_command("makemigrations", check=True, dry_run=True)\n'
    )
    assert " passed" in project_run(project, "tests/test_migrations.py", *QUICK_TESTS)
