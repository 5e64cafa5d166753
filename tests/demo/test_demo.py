"""The demo fails where its story does, and leaves no shop behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from demo import __main__ as demo
from demo.client import ClaimFailed, NotSeen, hidden_fields, wait_for
from demo.shop import DemoFailed
from demo.telling import tell, tell_end

ROOT = Path(__file__).parent.parent.parent
SHOP: Any = SimpleNamespace(log="shop.log")
NOBODY: Any = None
# A demo that dies at once, with a shop (here: a process that sleeps) that it watches.
KILLED_DEMO = """
import os, signal, subprocess
from pathlib import Path
from demo.shop import Shop
shop = Shop(Path("nowhere/shop"))
shop.process = subprocess.Popen(["sleep", "300"], start_new_session=True)
shop.watch()
print(shop.process.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_chapter_whose_claim_fails_has_failed(capsys: pytest.CaptureFixture[str]) -> None:
    def chapter(shop: object, staff: object) -> Iterator[str]:
        """Something holds."""
        yield "measured"
        raise ClaimFailed("it does not")

    assert not tell(1, chapter, SHOP, NOBODY)
    told = capsys.readouterr().out
    assert "1. Something holds." in told
    assert "measured" in told
    assert "FAILED: it does not" in told


def test_a_chapter_that_comes_to_its_end_has_passed(capsys: pytest.CaptureFixture[str]) -> None:
    def chapter(shop: object, staff: object) -> Iterator[str]:
        """Something holds."""
        yield "measured"

    assert tell(1, chapter, SHOP, NOBODY)
    assert "holds" in capsys.readouterr().out


def test_the_last_line_counts_what_passed_and_what_failed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    tell_end([True, False, True], 1.0)
    told = capsys.readouterr().out
    assert told.endswith("Not all clear.\n2 passed, 1 failed\n")
    tell_end([True], 1.0)
    assert capsys.readouterr().out.endswith("All clear!\n1 passed, 0 failed\n")


@pytest.mark.parametrize(("outcomes", "status"), [([True, True], 0), ([True, False], 1)])
def test_the_exit_status_says_whether_every_chapter_passed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, outcomes: list[bool], status: int
) -> None:
    class Running:
        def __enter__(self) -> object:
            return SHOP

        def __exit__(self, *exception: object) -> None:
            pass

    monkeypatch.setattr(sys, "argv", ["demo", "--once"])
    monkeypatch.setattr(demo, "BUILD", tmp_path)
    monkeypatch.setattr(demo, "running_shop", Running)
    monkeypatch.setattr(demo, "play", lambda shop, started: all(outcomes))
    monkeypatch.setattr(signal, "signal", lambda number, handler: None)
    assert demo.main() == status


def test_a_second_demo_in_a_checkout_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(demo, "BUILD", tmp_path)
    refused = pytest.raises(DemoFailed, match=f"process {os.getpid()}")
    with demo.only_one_demo(), refused, demo.only_one_demo():
        pass
    with demo.only_one_demo():
        pass


def test_a_killed_demo_takes_its_shop_with_it() -> None:
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_DEMO], cwd=ROOT, capture_output=True, text=True
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    pid = int(killed.stdout)
    deadline = time.monotonic() + 60
    while is_running(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_running(pid)


def test_a_form_is_found_by_its_action_and_its_fields_are_text() -> None:
    page = (
        '<form method="post"><input type="hidden" name="a" value="1 &amp; 2"></form>'
        '<form action="/buy/"><input type="hidden" name="b" value="3"></form>'
    )
    assert hidden_fields(page, "") == {"a": "1 & 2"}
    assert hidden_fields(page, "/buy/") == {"b": "3"}
    with pytest.raises(ClaimFailed, match="no form for /sell/"):
        hidden_fields(page, "/sell/")


def test_what_never_comes_is_named() -> None:
    with pytest.raises(NotSeen, match="the mail did not happen"):
        wait_for("the mail", lambda: None, seconds=0.1)


def is_running(pid: int) -> bool:
    """Tell whether a process runs; one that has ended and was not waited for does not."""
    state = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True
    ).stdout
    return bool(state.strip()) and not state.startswith("Z")
