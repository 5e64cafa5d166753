"""One start.py a folder, whatever moment the second one comes in."""

import fcntl
import json
from collections.abc import Iterator
from pathlib import Path
from threading import Timer

import pytest

from development import single
from development.single import AlreadyRunning, Lock


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Path]:
    """Give a lock file that another has taken, but not yet written to."""
    file = tmp_path / "start.lock"
    with file.open("a") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        yield file


def test_a_holder_that_has_not_written_yet_is_waited_for_and_named(held: Path) -> None:
    writing = Timer(0.3, held.write_text, [json.dumps({"pid": 1, "address": "http://there"})])
    writing.start()
    with pytest.raises(AlreadyRunning, match=r"already \(pid 1, http://there\)"):
        Lock(held)
    writing.join()


def test_a_holder_that_never_writes_is_given_no_name(
    held: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(single, "ENDING_SECONDS", 0.2)
    with pytest.raises(AlreadyRunning, match=r"already\. Stop that one first"):
        Lock(held)
