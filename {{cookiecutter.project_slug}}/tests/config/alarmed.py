"""A whole shop to break: servers of its own, its processes, a mail server and a monitor outside."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import psycopg
from django.conf import settings
from psycopg import sql
from redis import Redis

from development.postgres import start_postgres
from development.reaper import BELONGS_TO
from development.server import Server
from development.testing import SmtpServer, stop
from development.valkey import start_valkey

# Each is some seconds on an idle machine.
DEADLINE_SECONDS = 120.0
PERIOD_SECONDS = 1.0
# The relay pauses for five seconds between two looks at a broker that is away.
SILENCE_SECONDS = 10.0


class Monitor:
    """An outside monitor: a web server that notes when it was asked."""

    def __init__(self) -> None:
        """Listen."""
        self.asked_at: list[float] = []
        asked_at = self.asked_at

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked_at.append(time.monotonic())
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/ping"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def silence(self) -> float:
        """Return for how many seconds it has not been asked."""
        return time.monotonic() - self.asked_at[-1]

    def stop(self) -> None:
        """End."""
        self._server.shutdown()
        self._server.server_close()


class Shop:
    """Servers, and the processes that a test starts and kills."""

    def __init__(self, folder: Path) -> None:
        """Keep everything in `folder`."""
        self.folder = folder
        self.stack = ExitStack()
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        """Start the servers and make the tables."""
        with self.stack:
            self.smtp = self.stack.enter_context(SmtpServer())
            self.monitor = Monitor()
            self.stack.callback(self.monitor.stop)
            self.postgres = self.start_postgres()
            self.broker = self.start_broker("shop")
            self.analytics_broker = self.start_broker("analytics")  # analytics
            self.stack.callback(self.stop_all)
            self.manage("migrate", "--verbosity", "0")
            self.stack = self.stack.pop_all()
        return self

    def __exit__(self, *exception: object) -> None:
        """Stop everything."""
        self.stack.close()

    def start_postgres(self) -> Server:
        """Start the database on its data."""
        server = start_postgres(self.folder / "postgres", database="shop", durable=False)
        self.stack.callback(server.stop)
        return server

    def start_broker(self, name: str, like: Server | None = None) -> Server:
        """Start a broker; `like` an earlier one: under its address."""
        port = int(like.url.rpartition(":")[2].split("/")[0]) if like else None
        server = start_valkey(self.folder / f"broker-{name}", port=port, max_memory_mb=16)
        self.stack.callback(server.stop)
        if like is None:
            return server
        with Redis.from_url(server.url) as client:
            client.config_set("requirepass", re.findall(":([^:@]+)@", like.url)[0])
        return Server(name=server.name, process=server.process, url=like.url, log=server.log)

    @property
    def environment(self) -> dict[str, str]:
        """Return what the processes are told."""
        return os.environ | {
            BELONGS_TO: str(self.folder),
            "DATABASE_URL": self.postgres.url,
            "BROKER_URL": self.broker.url,
            "ANALYTICS_BROKER_URL": self.analytics_broker.url,  # analytics
            "EMAIL_URL": self.smtp.url,
            "ADMINS": "ops@example.com",
            "ALARM_PERIOD_SECONDS": str(PERIOD_SECONDS),
            "ALARM_SILENCE_SECONDS": str(SILENCE_SECONDS),
            "ALARM_STATE_FILE": str(self.folder / "alarms.json"),
            "ALARM_PING_URL": self.monitor.url,
        }

    def start(self, name: str) -> None:
        """Start a process of the shop, or start it again."""
        commands = {
            "beat": ["-m", "celery", "-A", "config", "beat"],
            "relay": ["manage.py", "relay"],
            "worker": [
                *("-m", "celery", "-A", "config", "worker", "-c", "1", "-n", "all@shop"),
                *("-Q", "default,mail,purchasing,admin", "--without-gossip", "--without-mingle"),
            ],
        }
        with (self.folder / f"{name}.log").open("ab") as output:
            self.processes[name] = subprocess.Popen(
                [sys.executable, *commands[name]],
                cwd=settings.BASE_DIR,
                env=self.environment,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def kill(self, *names: str) -> None:
        """Kill processes with their children, as a machine that loses power does."""
        for name in names:
            os.killpg(self.processes[name].pid, signal.SIGKILL)
        for name in names:
            self.processes[name].wait()

    def stop(self, name: str) -> None:
        """Stop a process in order."""
        stop(self.processes[name])

    def stop_all(self) -> None:
        """Stop every process in order."""
        for process in self.processes.values():
            stop(process)

    def command(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command of `manage.py` and return how it ended."""
        return subprocess.run(
            [sys.executable, "manage.py", *command],
            cwd=settings.BASE_DIR,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=DEADLINE_SECONDS,
        )

    def manage(self, *command: str) -> str:
        """Run a command of `manage.py` that must succeed."""
        done = self.command(*command)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def enqueue(self, name: str, *args: str, **options: Any) -> None:
        """Enqueue a task by its name."""
        code = f"from config.celery import app; app.send_task({name!r}, {args!r}, **{options!r})"
        self.manage("shell", "--verbosity", "0", "-c", code)

    def ask(self, question: str) -> list[Any]:
        """Return the first column of what the database answers."""
        with psycopg.connect(self.postgres.url, autocommit=True) as database:
            cursor = database.execute(sql.SQL(question))
            return [row[0] for row in cursor.fetchall()] if cursor.description else []

    def alarms(self) -> set[str]:
        """Return the names of the alarms that hold."""
        return set(self.ask("SELECT name FROM failure_check_alarm WHERE cleared_at IS NULL"))

    def mails(self) -> list[EmailMessage]:
        """Return the alarms' mails, in order of arrival."""
        found = []
        for envelope in self.smtp.messages:
            assert isinstance(envelope.content, bytes)
            mail = message_from_bytes(envelope.content, policy=policy.default)
            if envelope.rcpt_tos == ["ops@example.com"]:
                found.append(mail)
        return found

    def told(self, word: str, name: str) -> int:
        """Count the mails that tell of an alarm's beginning ("New") or end ("Gone")."""
        part = re.compile(
            rf"^{word}: (?:(?!^(?:New|Still|Gone): ).)*?\b{re.escape(name)}, ", re.M | re.S
        )
        return sum(bool(part.search(text(mail))) for mail in self.mails())

    def words(self) -> str:
        """Return what the processes wrote, for a test that fails."""
        logs = [f"== {log.name}\n{log.read_text()[-4000:]}" for log in self.folder.glob("*.log")]
        subjects = [f"{mail['Subject']}" for mail in self.mails()]
        return "\n".join([*logs, "== mails", *subjects])

    def eventually(self, is_so: Callable[[], object], seconds: float = DEADLINE_SECONDS) -> None:
        """Wait until it is so; what cannot be asked, the database being away, is not so."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                if is_so():
                    return
            except psycopg.OperationalError:
                pass
            assert time.monotonic() < deadline, self.words()
            time.sleep(0.1)

    def next_run(self) -> None:
        """Wait until the checks have run once, from their beginning after now to their end."""
        for _ in range(2):
            before = self.ask("SELECT at FROM failure_check_run")
            self.eventually(
                lambda before=before: (  # type: ignore[misc]  # its type is plain
                    self.ask("SELECT at FROM failure_check_run WHERE leased_until IS NULL")
                    not in (before, [])
                )
            )

    def is_clear(self) -> bool:
        """Tell whether all is clear, and the last mail said so."""
        mails = self.mails()
        last = str(mails[-1]["Subject"]) if mails else "All clear!"
        return not self.ask("SELECT name FROM failure_check_alarm") and last.endswith("All clear!")


def text(mail: EmailMessage) -> str:
    """Return a mail's text."""
    body = mail.get_body(("plain",))
    assert body is not None
    return str(body.get_content())
