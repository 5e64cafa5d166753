"""End what was started for a folder, also when whoever started it was killed without warning.

`python -m development.reaper FOLDER PARENT` waits until its parent, that pid, is gone (`kill -9`
included), ends everything that belongs to the folder, and ends itself. A process belongs to a
folder when its environment says so (BELONGS_TO), or when it is one of our servers and works in
there: servers rewrite their environment on Linux to show a title.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil

BELONGS_TO = "DEVELOPMENT_FOLDER"
SERVER_NAMES = frozenset({"postgres", "valkey-server"})
RUNNING_FILE = "servers.env"  # the addresses of what ran, which mislead once it does not
POLL_SECONDS = 0.2
STOP_SECONDS = 8.0  # a warm stop of the workers takes about 2; a hung one must not hold a terminal
KILL_SECONDS = 3.0  # the system's part; a process in a disk's wait ends after it


def watch(
    folder: Path, *, lock: int | None = None, is_temporary: bool = False
) -> "subprocess.Popen[bytes]":
    """Start the process that ends what belongs to `folder` once the calling process is gone.

    It keeps the file `lock` open until then, so that nobody starts anew amid the end, and removes
    a temporary folder.
    """
    command = [sys.executable, "-m", "development.reaper", str(folder), str(os.getpid())]
    command += ["temporary"] if is_temporary else []
    root = Path(__file__).resolve().parent.parent
    # A session of its own: Ctrl-C and a closed terminal are not meant for it.
    return subprocess.Popen(
        command,
        cwd=root,
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        pass_fds=() if lock is None else (lock,),
    )


def end_all(folder: Path, *, stop_seconds: float = STOP_SECONDS) -> None:
    """End what belongs to `folder`: clients first, servers after them; kill what does not stop."""
    servers = {process.pid: process for process in belonging_to(folder) if _is_server(process)}
    _end([p for p in belonging_to(folder) if p.pid not in servers], stop_seconds)
    # PostgreSQL's own children are the business of their parent, which ends them in order.
    _end([p for p in servers.values() if _parent(p) not in servers], stop_seconds)


def belonging_to(folder: Path) -> list[psutil.Process]:
    """List the processes that were started for `folder`, without the calling one."""
    folder = folder.resolve()
    return [
        process
        for process in psutil.process_iter()
        if process.pid != os.getpid() and _belongs(process, folder)
    ]


def _belongs(process: psutil.Process, folder: Path) -> bool:
    try:
        if _is_server(process):
            return bool(Path(process.cwd()).is_relative_to(folder))
        return Path(process.environ().get(BELONGS_TO, "/")).is_relative_to(folder)
    except (psutil.Error, OSError):
        return False  # it ended meanwhile, or is another user's


def _is_server(process: psutil.Process) -> bool:
    try:
        return process.name() in SERVER_NAMES
    except psutil.Error:
        return False


def _parent(process: psutil.Process) -> int:
    try:
        return int(process.ppid())
    except psutil.Error:
        return 0


def _end(processes: list[psutil.Process], stop_seconds: float) -> None:
    # Servers get SIGINT: PostgreSQL would wait for its clients after SIGTERM.
    for process in processes:
        _send(process, signal.SIGINT if _is_server(process) else signal.SIGTERM)
    _, alive = psutil.wait_procs(processes, timeout=stop_seconds)
    for process in alive:
        _send(process, signal.SIGKILL)
    psutil.wait_procs(alive, timeout=KILL_SECONDS)


def _send(process: psutil.Process, number: signal.Signals) -> None:
    with suppress(psutil.NoSuchProcess):
        process.send_signal(number)


def main() -> None:
    """Wait until the parent, whose pid is the second argument, is gone; then end all."""
    folder, parent = Path(sys.argv[1]), int(sys.argv[2])
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    while os.getppid() == parent:
        time.sleep(POLL_SECONDS)
    # First, so that no other terminal's command goes to a server that is about to end.
    (folder / RUNNING_FILE).unlink(missing_ok=True)
    end_all(folder)
    if "temporary" in sys.argv[3:]:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
