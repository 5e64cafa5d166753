"""The shop's Flower, as the Procfile starts it: closed, bounded, and with a memory."""

import json
import signal
import socket
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from functools import partial
from http.client import HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.contrib.auth.models import Group
from django.test import Client

from accounts.models import User
from config import on_call
from config.processes import LINES
from config.tasks import clear_sessions
from development.ports import free_port
from development.testing import stop, worker_environment

DEADLINE_SECONDS = 60.0  # a start takes two seconds, on a machine with nothing else to do
COMMANDS = {
    name: (sys.executable, "-m", *command.split())
    for name, command in (
        ("shop", LINES["flower"]),
        ("analytics", LINES["flower_analytics"]),  # analytics
    )
}


class Flower:
    """One Flower after another on the same port and the same memory."""

    def __init__(self, folder: Path, name: str = "shop") -> None:
        """Keep its memory and what it says in `folder`."""
        self.name = name
        self.port = free_port()
        self.log = folder / "flower.log"
        self.state = folder / "state"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *arguments: str, **environment: str) -> "subprocess.Popen[bytes]":
        """Start the process, and return before it answers."""
        variable = {"shop": "FLOWER_PORT"}.get(self.name, f"{self.name}_flower_port".upper())
        own = {variable: str(self.port)}
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [*COMMANDS[self.name], f"--db={self.state}", *arguments],
                cwd=settings.BASE_DIR,
                env=worker_environment() | own | environment,
                stdout=output,
                stderr=output,
                # Tests that run in the background of a shell inherit a Ctrl-C that is ignored.
                preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
            )
        return self.process

    def status(self, path: str, session: str = "") -> int:
        """Return the status of a path, 0 while nobody listens."""
        try:
            with self.ask(path, session) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code
        except OSError:
            return 0

    def saved(self) -> bytes:
        """Return what is on disk, under whatever suffix this Python's dbm gives it."""
        files = self.state.parent.glob(f"{self.state.name}*")
        return b"".join(file.read_bytes() for file in files if ".tmp" not in file.name)

    def tasks(self, session: str) -> str:
        """Return what Flower knows about tasks, as JSON."""
        with self.ask("api/tasks", session) as answer:
            return str(answer.read().decode())

    def ask(self, path: str, session: str) -> HTTPResponse:
        """Ask for a path with a session's cookie."""
        request = self.request(path, session)
        opened: HTTPResponse = urllib.request.urlopen(request, timeout=DEADLINE_SECONDS)
        return opened

    def request(self, path: str, session: str, more: str = "") -> urllib.request.Request:
        """Make a request for a path with a session's cookie, and more cookies."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/flower/{self.name}/{path}")
        if session:
            request.add_header("Cookie", f"sessionid={session}{more}")
        return request


@pytest.fixture
def flower(tmp_path: Path) -> Iterator[Flower]:
    """Return a Flower that is not started yet, and end it after the test."""
    made = Flower(tmp_path)
    yield made
    if made.process is not None:
        stop(made.process)


@pytest.fixture
def staff(transactional_db: None, client: Client) -> str:
    """Return the session of somebody who is on call."""
    user = User.objects.create(email="ada@example.com", is_staff=True)
    user.groups.add(Group.objects.get(name=on_call.NAME))
    client.force_login(user)
    return str(client.cookies["sessionid"].value)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_login_of_the_shop_opens_each_flower_to_those_on_call(
    tmp_path: Path, staff: str, name: str
) -> None:
    flower = Flower(tmp_path, name)
    process = flower.start()
    try:
        wait_for(lambda: flower.status("healthcheck") == 401)
        for path in ("", "tasks", "broker", "api/tasks", "metrics", "healthcheck"):
            assert flower.status(path, staff) == 200, path
            assert flower.status(path) in {401, 403}, path
        with flower.ask("broker", staff) as page:
            variable = "BROKER_URL" if name == "shop" else f"{name}_broker_url".upper()
            own = urlsplit(worker_environment()[variable])
            assert f"{own.hostname}:{own.port}/" in page.read().decode()
        User.objects.get().groups.clear()
        assert flower.status("tasks", staff) == 403
        User.objects.update(is_staff=False, is_superuser=True)
        assert flower.status("tasks", staff) == 403
    finally:
        stop(process)


@pytest.mark.usefixtures("broker_url")
@pytest.mark.parametrize(("allowed", "status"), [("False", 403), ("True", 404)])
def test_one_variable_allows_its_actions(
    flower: Flower, staff: str, allowed: str, status: int
) -> None:
    flower.start(FLOWER_ALLOWS_ACTIONS=allowed)
    wait_for(lambda: flower.status("tasks", staff) == 200)
    with flower.ask("tasks", staff) as page:
        xsrf = str(page.headers["Set-Cookie"]).partition("_xsrf=")[2].partition(";")[0]
    request = flower.request("api/worker/shutdown/nobody", staff, f"; _xsrf={xsrf}")
    request.add_header("X-XSRFToken", xsrf)
    request.method = "POST"
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=DEADLINE_SECONDS)
    refused.value.close()
    assert refused.value.code == status


@pytest.mark.usefixtures("broker_url")
def test_tasks_are_kept_over_a_restart_and_over_a_crash(
    flower: Flower, staff: str, celery_worker_process: Callable[..., Any]
) -> None:
    celery_worker_process("default")
    first = flower.start()
    first_task = seen_task(flower, staff)
    first.send_signal(signal.SIGTERM)
    assert first.wait(DEADLINE_SECONDS) == 0

    second = flower.start("--state_save_interval=200")
    wait_for(lambda: flower.status("healthcheck") == 401)
    assert first_task in flower.tasks(staff)
    second_task = seen_task(flower, staff)
    wait_for(partial(is_saved, flower, second_task))
    second.kill()
    second.wait()
    kept = list(flower.state.parent.glob(f"{flower.state.name}*"))
    assert {stat.S_IMODE(file.stat().st_mode) for file in kept} == {0o600}

    flower.start()
    wait_for(lambda: flower.status("healthcheck") == 401)
    assert {first_task, second_task} <= set(flower.tasks(staff).split('"'))


@pytest.mark.usefixtures("broker_url")
def test_what_it_remembers_stays_bounded_however_it_ends(
    flower: Flower, staff: str, celery_worker_process: Callable[..., Any]
) -> None:
    celery_worker_process("default")
    bounds = ("--max_tasks=5", "--state_save_interval=200")
    for number in (signal.SIGKILL, signal.SIGTERM):
        process = flower.start(*bounds)
        newest = [seen_task(flower, staff) for _ in range(9)][-1]
        wait_for(partial(is_saved, flower, newest))
        process.send_signal(number)
        process.wait(DEADLINE_SECONDS)
    flower.start(*bounds)
    wait_for(lambda: flower.status("healthcheck") == 401)
    kept = json.loads(flower.tasks(staff))
    assert newest in kept
    assert len(kept) <= 5


@pytest.mark.usefixtures("transactional_db")
def test_a_memory_that_is_damaged_keeps_no_flower_from_starting(flower: Flower, staff: str) -> None:
    for suffix in ("", ".db", ".dat", ".dir"):
        Path(f"{flower.state}{suffix}").write_bytes(b"half of a file")
    flower.start()
    wait_for(lambda: flower.status("tasks", staff) == 200)
    assert flower.tasks(staff) == "{}"


def test_it_waits_for_its_broker(flower: Flower, staff: str) -> None:
    port = free_port()
    flower.start(BROKER_URL=f"redis://127.0.0.1:{port}/0")
    wait_for(lambda: flower.status("tasks", staff) == 200)
    wait_for(lambda: b"trying again in" in flower.log.read_bytes())
    assert b"Traceback" not in flower.log.read_bytes()
    assert flower.process is not None
    assert flower.process.poll() is None


def test_ctrl_c_ends_it_without_a_traceback(flower: Flower, staff: str) -> None:
    process = flower.start()
    wait_for(lambda: flower.status("tasks", staff) == 200)
    process.send_signal(signal.SIGINT)
    assert process.wait(DEADLINE_SECONDS) == 0
    assert b"Traceback" not in flower.log.read_bytes()


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
@pytest.mark.usefixtures("transactional_db")
def test_a_taken_port_ends_it_in_one_line(flower: Flower, address: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, flower.port), family=family):
        assert flower.start(f"--address={address}").wait(DEADLINE_SECONDS) == 1
    (line,) = flower.log.read_text().splitlines()
    assert line.startswith(f"The port {flower.port} of shop's Flower is taken: ")
    assert "FLOWER_PORTS" in line


@pytest.mark.parametrize("name", COMMANDS)
def test_its_tasks_are_bounded_and_kept_and_its_address_is_loopback(name: str) -> None:
    module = COMMANDS[name][COMMANDS[name].index("-A") + 1]
    code = (
        "import click, flower.options, tornado.options as t; "
        "from types import SimpleNamespace as Given; from celery.app.utils import find_app; "
        f"given = Given(app=find_app({module!r})); "
        "click.Context(click.Command('flower'), obj=given).__enter__(); "
        "t.parse_config_file('config/flower.py', final=False); o = t.options; "
        "print(o.max_tasks, o.persistent, o.state_save_interval, o.address, o.url_prefix, "
        "o.purge_offline_workers, o.read_only, o.port, o.db.rpartition('/')[2])"
    )
    command = [sys.executable, "-c", code]
    said = subprocess.run(
        command, cwd=settings.BASE_DIR, capture_output=True, check=True, text=True
    )
    port = str(settings.FLOWER_PORTS[name])
    kept = ["10000", "True", "30000", "127.0.0.1", f"flower/{name}", "86400", "True"]
    assert said.stdout.split() == [*kept, port, f"flower_{name}"]


def is_saved(flower: Flower, task: str) -> bool:
    """Tell whether a task is in what is on disk."""
    return task.encode() in flower.saved()


def seen_task(flower: Flower, staff: str) -> str:
    """Let one task run, and return its id once Flower has seen it succeed."""
    wait_for(lambda: flower.status("tasks", staff) == 200)

    def succeeded() -> str:
        # Flower hears nothing that was said before it listened: ask until it hears.
        task = str(clear_sessions.delay().id)
        time.sleep(0.3)
        known = flower.tasks(staff)
        return task if task in known and '"SUCCESS"' in known else ""

    return str(wait_for(succeeded))


def wait_for(find: Callable[[], Any]) -> Any:
    """Return what `find` returns once it is true; fail after the deadline."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        if found := find():
            return found
        time.sleep(0.05)
    raise AssertionError(f"waited for {DEADLINE_SECONDS} s")
