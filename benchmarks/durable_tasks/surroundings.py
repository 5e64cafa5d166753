"""The servers and processes that are measured."""

import os
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import unquote, urlsplit

HERE = Path(__file__).parent
REPOSITORY = HERE.parent.parent
SOURCES = [str(REPOSITORY), str(HERE), str(REPOSITORY / "{{cookiecutter.project_slug}}")]
START_SECONDS = 60.0


@contextmanager
def servers() -> Iterator[None]:
    """Run a PostgreSQL that keeps its promises (fsync) and a Valkey; set Django up on them."""
    # Behind what is there: the template's folder has a `patterns` of its own.
    sys.path.extend(source for source in SOURCES if source not in sys.path)
    from development.postgres import start_postgres
    from development.valkey import start_valkey

    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="bench")))
        postgres = start_postgres(folder / "db", database="bench")
        stack.callback(postgres.stop)
        valkey = start_valkey(folder / "broker", max_memory_mb=512)
        stack.callback(valkey.stop)
        os.environ |= {
            "BENCH_DATABASE_HOST": unquote(urlsplit(postgres.url).netloc.rpartition("@")[2]),
            "BENCH_BROKER": valkey.url,
            "BENCH_LINES": str(folder / "lines"),
            "DJANGO_SETTINGS_MODULE": "bench_shop.settings",
            "PYTHONPATH": os.pathsep.join(SOURCES),
        }
        import django
        from django.core.management import call_command
        from django.db import connection

        django.setup()
        call_command("migrate", run_syncdb=True, verbosity=0)
        stack.callback(connection.close)
        yield


@contextmanager
def process(*command: str, ready: str) -> Iterator["subprocess.Popen[str]"]:
    """Run a program of the bench shop; wait until it says that it is ready."""
    with TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        with log.open("w") as output:
            running = subprocess.Popen(  # noqa: S603  our own program
                [sys.executable, *command], stdout=output, stderr=output, text=True
            )
        try:
            wait_until(lambda: ready in log.read_text(errors="replace") or _ended(running, log))
            yield running
        finally:
            running.terminate()
            running.wait(30)


def worker(kind: str, processes: int) -> "_Process":
    """Run a worker of `kind`, stock or durable, as Celery's documentation starts one."""
    command = ["-m", "celery", "-A", f"bench_shop.celery:{kind}", "worker", "-Q", kind]
    command += ["-c", str(processes), "-n", f"{kind}@bench", "-l", "INFO"]
    command += ["--without-gossip", "--without-mingle"]
    return process(*command, ready=" ready.")


def relay() -> "_Process":
    """Run a relay."""
    return process("-m", "bench_shop.manage", "relay", ready="relay: publishing")


def lines() -> list[tuple[int, int]]:
    """Return the first lines that ran: number of the task, nanoseconds of the clock."""
    content = Path(os.environ["BENCH_LINES"]).read_bytes()
    return [struct.unpack_from("qq", content, at) for at in range(0, len(content) - 15, 16)]


def forget_lines() -> None:
    """Empty the file of first lines."""
    os.truncate(os.environ["BENCH_LINES"], 0)


def wait_until(is_so: Callable[[], object], seconds: float = START_SECONDS) -> None:
    """Wait for something; raise TimeoutError where it does not come."""
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            raise TimeoutError(f"Not so after {seconds:g} s.")
        time.sleep(0.01)


def _ended(running: "subprocess.Popen[str]", log: Path) -> bool:
    if running.poll() is not None:
        raise RuntimeError(f"{running.args} ended:\n{log.read_text(errors='replace')}")
    return False


_Process = AbstractContextManager["subprocess.Popen[str]"]
