"""What each pool does at a time limit: the table of docs/queues.md, on real workers."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from patterns.queues.queue import ENFORCES_TIME_LIMITS, POOLS

REPOSITORY = Path(__file__).parent.parent.parent
# A worker starts in two seconds on an idle machine; this one may be busy.
DEADLINE_SECONDS = 60.0


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Run a worker of every pool beside each other, until the test is over."""
    # Celery's command takes BROKER_URL above the app's own.
    inherited = {name: value for name, value in os.environ.items() if name != "BROKER_URL"}
    environment = inherited | {"QUEUES_TEST_FOLDER": str(tmp_path), "PYTHONPATH": str(REPOSITORY)}
    (tmp_path / "messages").mkdir()
    (tmp_path / "control").mkdir()
    with ExitStack() as stack:
        for pool in POOLS:
            log = stack.enter_context((tmp_path / f"{pool}.log").open("wb"))
            command = [sys.executable, "-m", "celery", "-A", "tests.queues.limited_app", "worker"]
            command += ["-Q", pool, "-n", f"{pool}@%h", "--pool", pool, "-c", "1", "-l", "INFO"]
            command += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
            process = subprocess.Popen(
                command, cwd=REPOSITORY, env=environment, stdout=log, stderr=log
            )
            stack.callback(process.wait)
            stack.callback(process.terminate)
        publish = (
            "from tests.queues.limited_app import work\n"
            f"for pool in {POOLS!r}: work.apply_async((pool,), queue=pool)"
        )
        subprocess.run(
            [sys.executable, "-c", publish], cwd=REPOSITORY, env=environment, check=True, timeout=60
        )
        yield tmp_path


def wait_for(path: Path, text: str = "") -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not (path.exists() and text in path.read_text(errors="replace")):
        log = path.with_suffix(".log")
        said: Any = log.read_text(errors="replace") if log.exists() else ""
        assert time.monotonic() < deadline, f"{path.name}: {said}"
        time.sleep(0.05)


def test_only_a_pool_of_processes_ends_a_task_at_its_time_limit(folder: Path) -> None:
    for pool in POOLS:
        wait_for(folder / f"{pool}.begun")
        if pool in ENFORCES_TIME_LIMITS:
            wait_for(folder / f"{pool}.log", "TimeLimitExceeded")
        else:
            wait_for(folder / f"{pool}.ended")
    ended = {path.stem for path in folder.glob("*.ended")}
    assert ended == set(POOLS) - ENFORCES_TIME_LIMITS
