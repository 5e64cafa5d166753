"""A whole run of pytest in a copy: its servers are gone with it, however it ends."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.development.copies import Copy, outside_environment

QUICK = """
import os
from pathlib import Path
import time
def test_one():
    Path("where").write_text(os.environ["ALL_SERVERS_FOLDER"])
    {ending}
"""


def start(copy: Copy, ending: str, *options: str) -> "subprocess.Popen[bytes]":
    (copy.folder / "tests" / "test_quick.py").write_text(QUICK.format(ending=ending))
    return subprocess.Popen(
        [sys.executable, "-m", "pytest", "-q", *options, "tests/test_quick.py"],
        cwd=copy.folder,
        env=outside_environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def wait_until_gone(folder: str) -> None:
    deadline = time.monotonic() + 30
    while (left := using(folder)) or Path(folder).exists():
        assert time.monotonic() < deadline, left
        time.sleep(0.1)


def using(folder: str) -> list[str]:
    lines = []
    for process in psutil.process_iter(["cmdline", "cwd"]):
        text = " ".join([*(process.info["cmdline"] or ()), process.info["cwd"] or ""])
        if folder in text:
            lines.append(text)
    return lines


@pytest.mark.parametrize(("options", "status"), [((), 1), (("-n", "2"), 1)])
def test_after_a_failed_run_nothing_is_left(
    copy: Copy, options: tuple[str, ...], status: int
) -> None:
    run = start(copy, "assert False", *options)
    assert run.wait(120) == status
    folder = (copy.folder / "where").read_text()
    assert using(folder) == []
    assert not Path(folder).exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_after_an_interrupted_run_nothing_is_left(copy: Copy, number: int) -> None:
    run = start(copy, "time.sleep(600)")
    deadline = time.monotonic() + 120
    while not (copy.folder / "where").exists():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    os.killpg(run.pid, number)
    run.wait(60)
    wait_until_gone((copy.folder / "where").read_text())
