"""An empty project that was wired as the pattern's header says does what the header says."""

import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from development.valkey import start_valkey

from standalone.header import NEWEST, Header, patterns_in

PROJECT = Path(__file__).parent.parent
[PATTERN] = patterns_in(PROJECT / "borrowed")
HEADER = Header(PATTERN)
PACKAGE = f"borrowed.{PATTERN.stem}"
HAS_DJANGO = (PROJECT / "manage.py").exists()
if HAS_DJANGO:
    import django
DJANGO = django.VERSION[:2] if HAS_DJANGO else NEWEST
DEADLINE_SECONDS = 60.0
# What a process writes once it does what it is for.
SAYS = {
    "worker": " ready.",
    "beat": "beat: Starting",
    "flower": "Visit me at",
    "relay": "relay: publishing",
}

needs_django = pytest.mark.skipif(not HAS_DJANGO, reason="the pattern needs no Django")


@pytest.fixture(scope="module")
def variables() -> Iterator[dict[str, str]]:
    """Real servers, and what tells the project where they are."""
    with ExitStack() as stack:
        # Not in pytest's folder, which is closed to the user that PostgreSQL runs as.
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="alone-")))
        broker = start_valkey(folder / "broker", durable=False)
        stack.callback(broker.stop)
        found = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        found |= {"BROKER_URL": broker.url, "LANG": "C.UTF-8"}
        if HEADER.names("psycopg"):
            found["DATABASE_HOST"] = start_database(folder / "postgres", stack)
        yield found


def start_database(folder: Path, stack: ExitStack) -> str:
    from urllib.parse import unquote, urlsplit

    from development.postgres import start_postgres

    server = start_postgres(folder, database="shop", durable=False)
    stack.callback(server.stop)
    return unquote(urlsplit(server.url).netloc.rpartition("@")[2])


@pytest.fixture(scope="module")
def wired(variables: dict[str, str]) -> dict[str, str]:
    """The project, once what the header has run once was run."""
    for command in commands("run"):
        run(variables, *command)
    return variables


@needs_django
def test_the_steps_leave_nothing_to_complain_of(wired: dict[str, str]) -> None:
    run(wired, "manage.py", "check", "--fail-level", "WARNING")
    run(wired, "manage.py", "check", "--fail-level", "WARNING", "--database", "default")


@needs_django
def test_the_migrations_say_what_the_models_say(wired: dict[str, str]) -> None:
    run(wired, "manage.py", "makemigrations", "--check", "--dry-run")
    if PATTERN.joinpath("migrations").is_dir():  # else no step has made tables
        run(wired, "manage.py", "migrate", "--check")


@needs_django
def test_the_stated_defaults_may_be_written_down(wired: dict[str, str], tmp_path: Path) -> None:
    lines = [f"{name} = {value}" for name, value in HEADER.defaults(PACKAGE, DJANGO).items()]
    text = "\n".join(["from shop.settings import *", *lines])
    (tmp_path / "stated.py").write_text(text, encoding="utf-8")
    stated = {"PYTHONPATH": f"{tmp_path}", "DJANGO_SETTINGS_MODULE": "stated"}
    run(wired | stated, "manage.py", "check", "--fail-level", "WARNING")


def test_what_is_to_be_kept_running_runs(wired: dict[str, str], tmp_path: Path) -> None:
    kept = commands("keep running")
    # A pattern without Celery may have its work in the requests alone.
    assert kept or not HEADER.names("celery")
    with ExitStack() as stack:
        for number, command in enumerate(kept):
            log = tmp_path / f"{number}.log"
            process = stack.enter_context(begun(wired, log, command))
            wait_until_ready(command, log, process)


def commands(kind: str) -> list[list[str]]:
    """Return the header's commands of a kind, as Python's arguments."""
    lines = [
        shlex.split(line)
        for step in HEADER.steps(PACKAGE, DJANGO)
        if step.kind == kind
        for line in step.text.splitlines()
    ]
    return [line[1:] if line[0] == "python" else ["-m", *line] for line in lines]


def run(variables: dict[str, str], *command: str) -> None:
    """Run Python to its end, every warning an error."""
    words = [sys.executable, "-W", "error", *command]
    done = subprocess.run(words, cwd=PROJECT, env=variables, capture_output=True, text=True)
    assert done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"


@contextmanager
def begun(
    variables: dict[str, str], log: Path, command: list[str]
) -> Iterator["subprocess.Popen[bytes]"]:
    """Start Python, every warning an error, and end it."""
    # Flower 2.2 asks tornado for its loop in a way that Python 3.12 deprecates.
    strict = [] if "flower" in command else ["-W", "error"]
    with log.open("wb") as output:
        words = [sys.executable, *strict, *command]
        process = subprocess.Popen(
            words, cwd=PROJECT, env=variables, stdout=output, stderr=output, start_new_session=True
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(DEADLINE_SECONDS)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def wait_until_ready(command: list[str], log: Path, process: "subprocess.Popen[bytes]") -> None:
    """Wait for the words of a process that does what it is for."""
    [words] = [SAYS[word] for word in command if word in SAYS]
    deadline = time.monotonic() + DEADLINE_SECONDS
    while words not in (said := log.read_text(errors="replace")):
        assert process.poll() is None, f"{command} has ended:\n{said}"
        assert time.monotonic() < deadline, f"{command} has not said {words!r}:\n{said}"
        time.sleep(0.05)
