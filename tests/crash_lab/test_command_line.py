"""The lab's command line: what it refuses, and that Ctrl-C leaves nothing behind."""

import argparse
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from crash_lab.__main__ import BROKEN, HELD, INTERRUPTED, arguments, numbers, play_in_a_row
from crash_lab.account import Account
from crash_lab.development_code import reaper
from crash_lab.scenarios import SCENARIOS
from demo.client import wait_for

ROOT = Path(__file__).parent.parent.parent


def test_scenarios_are_chosen_by_number() -> None:
    assert numbers("1,4") == [1, 4]


def test_an_unknown_scenario_is_refused() -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="there is no scenario 12"):
        numbers("1,12")


def test_it_runs_once_unless_told_otherwise() -> None:
    assert arguments([]).times == 1
    assert arguments(["--times", "10"]).times == 10


@pytest.mark.parametrize("text", ["0", "-1", "ten", ""])
def test_a_number_of_runs_that_is_none_is_refused(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        arguments([f"--times={text}"])
    assert "is no number of runs: 1 or more" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("ends", "code", "seeds"),
    [
        ([HELD, HELD, HELD], HELD, [7, 8, 9]),
        ([HELD, BROKEN], BROKEN, [7, 8]),
        ([HELD, INTERRUPTED], INTERRUPTED, [7, 8]),
    ],
)
def test_runs_in_a_row_have_a_seed_each_and_end_with_the_first_that_breaks(
    ends: list[int], code: int, seeds: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    played: list[int] = []

    def play(options: argparse.Namespace) -> tuple[int, list[Account]]:
        played.append(options.seed)
        return ends[len(played) - 1], [Account(number=1, title="Nothing happens", kills=2)]

    options = arguments(["--seed", "7", "--times", "3", "--scenario", "1"])
    assert play_in_a_row(options, play) == code
    assert played == seeds
    told = capsys.readouterr().out
    assert "run 1 of 3, seed 7: 1 of 1 scenarios hold; 2 kills, 0 committed, 0 lost" in told
    assert told.count(" of 3, seed ") == sum(end != INTERRUPTED for end in ends)


def test_the_help_names_every_scenario() -> None:
    command = [sys.executable, "-m", "crash_lab", "--help"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    words = " ".join(told.split())
    for number, scenario in SCENARIOS.items():
        assert f"{number} {scenario.__doc__}" in words


@pytest.fixture
def lab() -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """A lab that has begun to start its shop's workers, and its folder."""
    command = [sys.executable, "-m", "crash_lab", "--short", "--seed", "77", "--scenario", "4"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) as process:
        folder = ROOT / "build" / "crash" / f"77-{process.pid}"
        try:
            wait_for("a worker's log", lambda: list(folder.glob("logs/worker_*.log")), seconds=180)
            yield process, folder
        finally:
            process.kill()
            process.wait()
            shutil.rmtree(folder, ignore_errors=True)


def test_interrupted_it_leaves_no_process_and_no_folder(
    lab: tuple[subprocess.Popen[bytes], Path],
) -> None:
    process, folder = lab
    process.send_signal(signal.SIGINT)
    assert process.wait(120) == 130
    assert not folder.exists()
    assert not reaper.belonging_to(folder)


def test_killed_without_warning_it_leaves_no_process(
    lab: tuple[subprocess.Popen[bytes], Path],
) -> None:
    process, folder = lab
    assert reaper.belonging_to(folder)
    process.kill()
    wait_for("the end of all", lambda: not reaper.belonging_to(folder), seconds=120)
