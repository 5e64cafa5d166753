"""The supervisor starts again what dies, at once, and leaves nothing behind."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from crash_lab.supervisor import AGAIN_SECONDS, Supervisor
from demo.client import wait_for

FOREVER = f"{sys.executable} -c 'import time; time.sleep(300)'"
WITH_CHILD = f"""{sys.executable} -c '
import subprocess, sys
subprocess.run([sys.executable, "-c", "import time; time.sleep(300)"])
'"""


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    made = Supervisor(tmp_path, tmp_path, os.environ)
    yield made
    made.close()


def test_a_killed_process_is_started_again(supervisor: Supervisor) -> None:
    process = supervisor.start("one", FOREVER)
    before = process.pid
    os.kill(before, signal.SIGKILL)
    wait_for("another process", lambda: process.pid not in (0, before), seconds=60)
    assert process.starts == 2


def test_a_stopped_process_stays_stopped(supervisor: Supervisor) -> None:
    process = supervisor.start("one", FOREVER)
    supervisor.stop("one")
    time.sleep(2 * AGAIN_SECONDS)  # more than the supervisor takes for another start
    assert process.pid == 0
    assert process.starts == 1
    assert supervisor.names() == []


def test_what_fails_at_its_start_is_not_started_many_times_a_second(
    supervisor: Supervisor,
) -> None:
    began = time.monotonic()
    process = supervisor.start("one", f"{sys.executable} -c 'raise SystemExit(1)'")
    wait_for("four starts", lambda: process.starts >= 4, seconds=60)
    assert time.monotonic() - began > 3 * AGAIN_SECONDS


@pytest.mark.parametrize("ends_children", [True, False])
def test_the_children_of_a_killed_leader_end_with_it_or_not(
    supervisor: Supervisor, ends_children: bool
) -> None:
    process = supervisor.start("one", WITH_CHILD)
    (child,) = wait_for("a child", process.children, seconds=60)
    process.ends_children = ends_children
    started = process.starts
    os.kill(process.pid, signal.SIGKILL)
    wait_for("another start", lambda: process.starts > started, seconds=60)
    if ends_children:
        wait_for("the child's end", lambda: not is_running(child), seconds=60)
    else:
        assert is_running(child)
        os.kill(child, signal.SIGKILL)


def test_a_frozen_process_is_ended_as_well(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path, tmp_path, os.environ)
    pid = supervisor.start("one", FOREVER).pid
    supervisor.freeze("one")
    supervisor.close()
    assert not is_running(pid)


def is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
