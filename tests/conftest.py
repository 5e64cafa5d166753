"""What tests of the whole kit share: the template as published, and commands run alone."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent
# Generation takes a second and cruft two or three: what takes longer hangs.
COMMAND_SECONDS = 120

Run = Callable[..., subprocess.CompletedProcess[str]]

# A shell that starts something in the background has it ignore Ctrl-C, and everything that it
# starts; some tests send that to what they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# What a CI sends that has waited long enough: as at Ctrl-C, the servers end with their fixtures.
signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the working tree's files that git knows or would add: no cache, no build."""
    copy = tmp_path_factory.mktemp("template") / "all-clear"
    copy_published_files(copy)
    return copy


@pytest.fixture
def own_template(tmp_path: Path, template: Path) -> Path:
    """Return a copy of the template that the test may change."""
    return Path(shutil.copytree(template, tmp_path / "own" / "all-clear"))


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Return a function that runs a Python module or git as a command, with a home of its own."""
    home = tmp_path / "home"
    home.mkdir()
    environment = {
        "HOME": str(home),
        "PATH": os.environ["PATH"],
        "LANG": "C.UTF-8",
        "GIT_CONFIG_NOSYSTEM": "1",
        **{f"GIT_{who}_NAME": "A. Tester" for who in ("AUTHOR", "COMMITTER")},
        **{f"GIT_{who}_EMAIL": "tester@example.com" for who in ("AUTHOR", "COMMITTER")},
    }

    def run_alone(
        *command: str | Path, cwd: Path = tmp_path, check: bool = True, **options: object
    ) -> subprocess.CompletedProcess[str]:
        words = [str(word) for word in command]
        if words[0] != "git":
            words = [sys.executable, "-m", *words]
        done = subprocess.run(
            words,
            cwd=cwd,
            env=environment,
            timeout=COMMAND_SECONDS,
            **{"text": True, "capture_output": True, **options},
        )
        assert not check or done.returncode == 0, f"{words}:\n{done.stdout}\n{done.stderr}"
        return done

    return run_alone


def copy_published_files(destination: Path) -> None:
    """Copy the working tree's files that are tracked, or neither tracked nor ignored."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        source = REPOSITORY / name
        if source.is_file():
            (destination / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, destination / name)
