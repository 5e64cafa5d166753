"""`uv run start.py`: from a fresh clone to a running shop in one command.

It makes `.env`, starts the servers that the environment does not name, migrates, makes a staff
user, runs the Procfile, and stops all of it at the end, however the end comes.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn
from urllib.error import URLError
from urllib.request import urlopen

from development import environment, given_servers, ports, reaper
from development.postgres import start_postgres
from development.server import Server, ServerFailed
from development.single import AlreadyRunning, Lock
from development.valkey import start_valkey

ROOT = Path(__file__).resolve().parent.parent
VAR = ROOT / "var"
# Variable, default, and what is there.
PORTS = {
    "PORT": (8000, "the shop"),
    "FLOWER_PORT": (5555, "Flower"),
    "MAIL_PORT": (8025, "the mail catcher's pages"),
    "PAYMENTS_PORT": (8081, "the payment provider"),
}
BROKERS = {"BROKER_URL": "BROKER_PORT", "ANALYTICS_BROKER_URL": "ANALYTICS_BROKER_PORT"}
READY_SECONDS = 90.0  # web answers within 3 on 2 cores; a busy or cold machine takes long
STOP_SECONDS = 15.0  # honcho itself kills after 5, and the servers are quick


class Stopped(BaseException):
    """Somebody asked for the end, by Ctrl-C or a signal."""


class Start:
    """One run, from its options to its end."""

    def __init__(self, options: argparse.Namespace) -> None:
        """Read the environment; nothing is started yet."""
        self.options = options
        self.env = environment.effective(ROOT / ".env")
        self.given = {name for name in self.env if self.env[name]}
        self.env["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{self.env.get('PATH', '')}"
        self.running: dict[str, str] = {}
        self.extra: list[str] = []

    def run(self, stack: ExitStack, lock: Lock) -> None:
        """Bring everything up, and stay until something ends."""
        began = time.monotonic()
        for line in given_servers.check(self.env):
            say(f"given: {line}")
        self._choose_ports()
        watcher = reaper.watch(VAR, lock.descriptor)
        stack.callback(end_watcher, watcher)
        stack.callback(reaper.end_all, VAR)
        self._start_servers(stack)
        prepared = self._prepare()
        stack.callback((VAR / "servers.env").unlink, missing_ok=True)
        environment.write_running(VAR / "servers.env", self.running)
        processes = self._start_processes(stack)
        lock.write(self.running["SITE_URL"])
        self._wait_until_web_answers(processes)
        self._tell(prepared, time.monotonic() - began, stack)
        if processes.wait() != 0:
            raise ServerFailed("a process ended by itself, so all were stopped. See above")
        raise Stopped

    def _set(self, name: str, value: str) -> None:
        self.env[name] = self.running[name] = value

    def _choose_ports(self) -> None:
        needed = [name for name, url in NEEDS.items() if url is None or url not in self.given]
        chosen: set[int] = set()
        for name in needed:
            port = self._port(name, chosen)
            chosen.add(port)
            self._set(name, str(port))
        self._set("HOST", "127.0.0.1")
        if self.options.free_ports or self.options.port or "SITE_URL" not in self.given:
            self._set("SITE_URL", f"http://127.0.0.1:{self.env['PORT']}")

    def _port(self, name: str, chosen: set[int]) -> int:
        default, what = PORTS[name]
        if name == "PORT" and self.options.port:
            port: int = self.options.port
        elif self.options.free_ports:
            return ports.free_port(besides=chosen)
        else:
            port = environment.port(self.env, name, default)
        if port in chosen or not ports.is_free(port):
            raise ServerFailed(
                f"port {port}, for {what}, is in use. Choose another (`{name}={port + 100} uv run "
                "start.py`), or let it choose (`uv run start.py --free-ports`)"
            )
        return port

    def _start_servers(self, stack: ExitStack) -> None:
        if "DATABASE_URL" not in self.given:
            say("PostgreSQL: starting" + ("" if (VAR / "postgres" / "data").exists() else " (new)"))
            server = start_postgres(VAR / "postgres", database="shop")
            self._started(stack, "DATABASE_URL", server)
        for name, port_name in BROKERS.items():
            if name not in self.given:
                port = environment.port(self.env, port_name, 0) if port_name in self.given else None
                folder = VAR / name.removesuffix("_URL").lower()
                self._started(stack, name, start_valkey(folder, port=port))
        say("servers: running, their data in var/")

    def _started(self, stack: ExitStack, name: str, server: Server) -> None:
        stack.callback(server.stop)
        self._set(name, server.url)

    def _prepare(self) -> dict[str, Any]:
        self._choose_helpers()
        result = VAR / "prepared.json"
        result.unlink(missing_ok=True)
        command = [sys.executable, "-m", "development.prepare", str(result)]
        if self.options.reset_staff_password:
            command.append("--reset-staff-password")
        process = self._popen(command)
        if process.wait() != 0:
            raise ServerFailed("the database was not prepared. See above")
        prepared: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
        result.unlink()
        return prepared

    def _choose_helpers(self) -> None:
        if "EMAIL_URL" not in self.given:
            smtp = ports.free_port(besides={int(self.env[n]) for n in NEEDS if n in self.env})
            self._set("EMAIL_URL", f"smtp://127.0.0.1:{smtp}")
            self.extra.append(
                f"mail_catcher: python -m development.mail_catcher --smtp-port {smtp} "
                f"--http-port {self.env['MAIL_PORT']} --folder var/mails"
            )
        if "PAYMENTS_URL" not in self.given:
            self._set("PAYMENTS_URL", f"http://127.0.0.1:{self.env['PAYMENTS_PORT']}")
            self.extra.append(
                "payment_provider: python -m development.payment_provider "
                f"--port {self.env['PAYMENTS_PORT']} --state var/charges.json"
            )

    def _start_processes(self, stack: ExitStack) -> "subprocess.Popen[bytes]":
        text = (ROOT / "Procfile").read_text(encoding="utf-8").rstrip("\n")
        procfile = VAR / "Procfile"
        procfile.write_text("\n".join([text, *self.extra, ""]), encoding="utf-8")
        process = self._popen([sys.executable, "-m", "development.processes", str(procfile)])
        stack.callback(stop_processes, process)
        return process

    def _popen(self, command: list[str]) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(  # noqa: S603  our own modules
            command,
            cwd=ROOT,
            env=self.env | {reaper.BELONGS_TO: str(VAR), "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C reaches this process, which then stops them in order
        )

    def _wait_until_web_answers(self, processes: "subprocess.Popen[bytes]") -> None:
        deadline = time.monotonic() + READY_SECONDS
        address = f"http://127.0.0.1:{self.env['PORT']}/"
        while not answers(address):
            if processes.poll() is not None:
                raise ServerFailed("a process ended by itself, so all were stopped. See above")
            if time.monotonic() > deadline:
                raise ServerFailed(f"{address} did not answer within {READY_SECONDS:.0f} s")
            time.sleep(0.1)

    def _tell(self, prepared: dict[str, Any], seconds: float, stack: ExitStack) -> None:
        shop = self.running.get("SITE_URL", self.env["SITE_URL"]).rstrip("/")
        own_mails = "EMAIL_URL" in self.running
        ready = {
            "shop": shop,
            "admin": f"{shop}/admin/",
            "flower": f"{shop}/flower/",
            "mails": f"http://127.0.0.1:{self.env['MAIL_PORT']}" if own_mails else None,
            "payments": self.env["PAYMENTS_URL"],
            "staff_email": prepared["staff_email"],
            "staff_password": prepared["staff_password"],
            "pid": os.getpid(),
            "seconds": round(seconds, 1),
        }
        if self.options.ready_file is not None:
            stack.callback(self.options.ready_file.unlink, missing_ok=True)
            environment.write_private(self.options.ready_file, json.dumps(ready) + "\n")
        say_addresses(ready)


# The ports that are needed, and the variable that, where it is given, makes one needless.
NEEDS = {
    "PORT": None,
    "FLOWER_PORT": None,
    "MAIL_PORT": "EMAIL_URL",
    "PAYMENTS_PORT": "PAYMENTS_URL",
}


def say_addresses(ready: dict[str, Any]) -> None:
    """Show where everything is, after the noise of the start."""
    lines = [f"Ready after {ready['seconds']} s. Ctrl-C stops everything.", ""]
    for name, label in (
        ("shop", "Shop"),
        ("admin", "Admin"),
        ("flower", "Flower"),
        ("mails", "Mails"),
    ):
        if ready[name] is not None:
            lines.append(f"  {label:8}{ready[name]}")
    lines.append(f"  {'Staff':8}{ready['staff_email']}")
    if ready["staff_password"] is not None:
        lines.append(f"  {'':8}password {ready['staff_password']}  (shown this once)")
    say("\n".join(["", *lines, ""]))


def answers(address: str) -> bool:
    """Tell whether a page is there; one that is an error says so itself."""
    try:
        with urlopen(address, timeout=5):  # noqa: S310  our own address
            return True
    except URLError as error:
        return hasattr(error, "code")
    except OSError:
        return False


def stop_processes(process: "subprocess.Popen[bytes]") -> None:
    """Let honcho stop its processes in order."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            pass  # what is left is ended by reaper.end_all, next on the stack


def end_watcher(watcher: "subprocess.Popen[bytes]") -> None:
    """End the reaper: its work is done."""
    watcher.kill()
    watcher.wait()


def say(text: str) -> None:
    """Print a line; a closed terminal does not keep the stop from going on."""
    try:
        print(text, flush=True)
    except OSError:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115  until the process ends


def interrupt(number: int, frame: FrameType | None) -> NoReturn:
    """End in order; the second time, at once."""
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, at_once)
    raise Stopped


def at_once(number: int, frame: FrameType | None) -> None:
    """Kill whatever is left, and end."""
    say("stopping at once")
    reaper.end_all(VAR, stop_seconds=0.5)
    os._exit(130)


def main() -> int:
    """Run until the end comes; return the exit status."""
    options = parse()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    try:
        VAR.mkdir(exist_ok=True)
        lock = Lock(VAR / "start.lock")
        if environment.make_once(ROOT / ".env"):
            say("made .env, with secrets of this machine's own")
        reaper.end_all(VAR)
        with ExitStack() as stack:
            stack.callback(say, "stopped")
            Start(options).run(stack, lock)
    except Stopped:
        return 0
    except (ServerFailed, AlreadyRunning, environment.BadEnvironment, ports.NoFreePort) as error:
        print(f"start.py: {error}.", file=sys.stderr)
    except OSError as error:
        print(f"start.py: {error}. Is the disk full, or the folder not yours?", file=sys.stderr)
    return 1


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="start.py", description=__doc__.partition("\n")[0])
    parser.add_argument("--port", type=int, help="the shop's port (default: PORT, or 8000)")
    parser.add_argument(
        "--free-ports", action="store_true", help="take ports that are free, for a second copy"
    )
    parser.add_argument(
        "--ready-file",
        type=Path,
        metavar="FILE",
        help="write addresses and staff user to FILE, as JSON, once the shop answers",
    )
    parser.add_argument(
        "--reset-staff-password", action="store_true", help="give the staff user a new password"
    )
    return parser.parse_args()
