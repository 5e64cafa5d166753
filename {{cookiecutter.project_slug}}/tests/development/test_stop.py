"""What the tests' own `stop` leaves behind: nothing."""

import os
import signal
import subprocess
import sys
from time import monotonic, sleep

import psutil
import pytest

from development.testing import stop

WAIT_SECONDS = 60.0
# A worker with a child; it tells the child's pid.
WORKER = """\
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(child.pid, flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("is_killed", [True, False], ids=["killed by its test", "still running"])
def test_a_worker_is_stopped_with_its_children(is_killed: bool) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WORKER], stdout=subprocess.PIPE, start_new_session=True
    ) as worker:
        assert worker.stdout is not None
        child = int(worker.stdout.readline())
        if is_killed:
            os.kill(worker.pid, signal.SIGKILL)
            worker.wait(WAIT_SECONDS)
        stop(worker)
        deadline = monotonic() + WAIT_SECONDS
        while psutil.pid_exists(child) and psutil.Process(child).status() != psutil.STATUS_ZOMBIE:
            assert monotonic() < deadline, "the child lives on"
            sleep(0.05)
