"""One run of everything: what is started, in which order, and how each thing is ended."""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import psutil

from development import environment, given_servers, ports, ready, reaper
from development.addresses import choose_addresses
from development.postgres import start_postgres
from development.server import Server, ServerFailed
from development.single import Lock
from development.valkey import start_valkey

ROOT = Path(__file__).resolve().parent.parent
VAR = ROOT / "var"
RUNNING = VAR / reaper.RUNNING_FILE
STOP_SECONDS = 20.0  # longer than processes.GRACE_SECONDS, after which those left are killed
BROKERS = {"BROKER_URL": "BROKER_PORT", "ANALYTICS_BROKER_URL": "ANALYTICS_BROKER_PORT"}


class Run:
    """Everything that one start.py starts; `stack` ends it, the last started first."""

    def __init__(
        self, env: dict[str, str], options: argparse.Namespace, stack: ExitStack, lock: Lock
    ) -> None:
        """Take the environment; nothing is started yet."""
        self.given = {name for name, value in env.items() if value}
        path = f"{Path(sys.executable).parent}{os.pathsep}{env.get('PATH', os.defpath)}"
        self.env = env | {"PATH": path}
        self.started: dict[str, str] = {}
        self.options, self.stack, self.lock = options, stack, lock

    def until_the_end(self) -> None:
        """Bring everything up, and stay until something ends. Raises ServerFailed."""
        began = time.monotonic()
        for line in given_servers.check(self.env):
            print(f"given, so not started: {line}", flush=True)
        self._set(choose_addresses(self.env, self.given, self.options))
        self._watch()
        self._start_servers()
        prepared = self._prepare()
        self.stack.callback(RUNNING.unlink, missing_ok=True)
        environment.write_running(RUNNING, self.started)
        processes = self._start_processes()
        self.lock.write(self.env["SITE_URL"])
        ready.wait_for_web(int(self.env["PORT"]), processes)
        self._tell(prepared | {"seconds": round(time.monotonic() - began, 1)})
        self._stay(processes)
        raise ServerFailed(ready.ENDED)

    def _stay(self, processes: "subprocess.Popen[bytes]") -> None:
        # `uv run` passes signals on, all but the one that kills it without warning.
        caller = psutil.Process().parent()
        parent = caller.pid if caller is not None and caller.name() == "uv" else None
        while processes.poll() is None:
            if parent is not None and os.getppid() != parent:
                os.kill(os.getpid(), signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                processes.wait(1)

    def _set(self, variables: dict[str, str]) -> None:
        self.env |= variables
        self.started |= variables

    def _watch(self) -> None:
        watcher = reaper.watch(VAR, lock=self.lock.descriptor)
        self.stack.callback(print, "stopped", flush=True)
        self.stack.callback(watcher.wait)
        self.stack.callback(watcher.kill)
        # Clients first, servers after them, and whatever an interrupted step had just started.
        self.stack.callback(reaper.end_all, VAR)

    def _start_servers(self) -> None:
        if "DATABASE_URL" not in self.given:
            is_new = not (VAR / "postgres" / "data").exists()
            print(f"PostgreSQL: starting{', with a new database' * is_new}", flush=True)
            self._keep("DATABASE_URL", start_postgres(VAR / "postgres", database="shop"))
        for name, port_name in BROKERS.items():
            if name not in self.given:
                port = environment.port(self.env, port_name, 0) if port_name in self.given else None
                if port is not None and not ports.is_free(port):
                    raise ServerFailed(f"port {port} is in use. Set {port_name} to another, or not")
                folder = VAR / name.removesuffix("_URL").lower()
                print(f"Valkey: starting, for {name}", flush=True)
                self._keep(name, start_valkey(folder, port=port))

    def _keep(self, name: str, server: Server) -> None:
        # Ended by the reaper's function, in its order; this only clears away.
        self.stack.callback(server.stop)
        self._set({name: server.url})

    def _prepare(self) -> dict[str, Any]:
        result = VAR / "prepared.json"
        self.stack.callback(result.unlink, missing_ok=True)
        result.unlink(missing_ok=True)
        reset = ["--reset-staff-password"] if self.options.reset_staff_password else []
        if self._popen("development.prepare", str(result), *reset).wait() != 0:
            raise ServerFailed("the database was not prepared; the lines above say why")
        prepared: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
        result.unlink()
        return prepared

    def _start_processes(self) -> "subprocess.Popen[bytes]":
        procfile = VAR / "Procfile"
        text = (ROOT / "Procfile").read_text(encoding="utf-8").rstrip("\n")
        environment.write_private(procfile, "\n".join([text, *self._helpers(), ""]))
        process = self._popen("development.processes", str(procfile))
        self.stack.callback(_stop_processes, process)
        return process

    def _helpers(self) -> list[str]:
        lines = []
        if "EMAIL_URL" not in self.given:
            smtp_port = self.env["EMAIL_URL"].rpartition(":")[2]
            lines.append(
                f"mail_catcher: python -m development.mail_catcher --smtp-port {smtp_port} "
                f"--http-port {self.env['MAIL_PORT']} --folder var/mails"
            )
        if "PAYMENTS_URL" not in self.given:
            lines.append(
                "payment_provider: python -m development.payment_provider "
                f"--port {self.env['PAYMENTS_PORT']} --state var/charges.json"
            )
        return lines

    def _popen(self, module: str, *arguments: str) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=ROOT,
            env=self.env | {reaper.BELONGS_TO: str(VAR), "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C reaches start.py, which then stops them in order
        )

    def _tell(self, prepared: dict[str, Any]) -> None:
        facts = ready.facts(self.env, self.given, prepared)
        if self.options.ready_file is not None:
            self.stack.callback(self.options.ready_file.unlink, missing_ok=True)
            environment.write_private(self.options.ready_file, json.dumps(facts) + "\n")
        print(ready.in_words(facts), flush=True)


def _stop_processes(process: "subprocess.Popen[bytes]") -> None:
    """Let honcho stop its processes in order; what is left then is ended by `reaper.end_all`."""
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
