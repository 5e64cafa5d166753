"""A whole run of pytest with the plugin: its servers are gone with it, however it ends."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.development.copies import LEFT_OUT, ROOT, outside_environment

# The plugin alone, without the shop: loading that is most of a run, and no part of these claims.
ALONE = "[pytest]\naddopts = -p development.pytest_servers -p no:django -p no:cacheprovider\n"

QUICK = """
import os
from pathlib import Path
import time
def test_one():
    Path("where").write_text(os.environ["ALL_SERVERS_FOLDER"])
    {ending}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Give a project of the plugin alone."""
    shutil.copytree(ROOT / "development", tmp_path / "development", ignore=LEFT_OUT)
    (tmp_path / "pytest.ini").write_text(ALONE)
    return tmp_path


def start(project: Path, ending: str, *options: str, **env: str) -> "subprocess.Popen[bytes]":
    (project / "test_quick.py").write_text(QUICK.format(ending=ending))
    # A folder of its own: pytest closes the common one to other users, PostgreSQL's among them.
    folder = f"--basetemp={project / 'temporary'}"
    return subprocess.Popen(
        [sys.executable, "-m", "pytest", "-q", folder, *options, "test_quick.py"],
        cwd=project,
        env=outside_environment() | env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def wait_until_gone(folder: str) -> None:
    deadline = time.monotonic() + 60
    while (left := using(folder)) or Path(folder).exists():
        assert time.monotonic() < deadline, left
        time.sleep(0.3)  # each look reads about every process of the machine


def using(folder: str) -> list[str]:
    lines = []
    for process in psutil.process_iter(["cmdline", "cwd"]):
        text = " ".join([*(process.info["cmdline"] or ()), process.info["cwd"] or ""])
        if folder in text:
            lines.append(text)
    return lines


@pytest.mark.parametrize(("options", "status"), [((), 1), (("-n", "1"), 1)])
def test_after_a_failed_run_nothing_is_left(
    project: Path, options: tuple[str, ...], status: int
) -> None:
    # The brokers are servers enough here; a PostgreSQL of its own is in the tests below.
    given = {"DATABASE_URL": os.environ["DATABASE_URL"]}
    run = start(project, "assert False", *options, **given)
    assert run.wait(120) == status
    folder = (project / "where").read_text()
    assert using(folder) == []
    assert not Path(folder).exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_after_an_interrupted_run_nothing_is_left(project: Path, number: int) -> None:
    run = start(project, "time.sleep(600)")
    deadline = time.monotonic() + 120
    while not (project / "where").exists():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    os.killpg(run.pid, number)
    run.wait(60)
    wait_until_gone((project / "where").read_text())
