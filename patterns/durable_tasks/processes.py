"""Which process runs a task: its name in the row, and whether it is gone."""

import os
from contextlib import suppress
from functools import lru_cache
from pathlib import Path


def process_name(pid: int) -> str:
    """Return what tells a process from all others: machine's boot, pid namespace, pid.

    Without the first two (not on Linux) they are empty: the lease then decides more often.
    """
    return f"{_machine()}:{pid}"


def is_dead_here(process: str) -> bool:
    """Tell whether a process was one of this machine and boot, and is gone. In doubt: False."""
    machine, _, pid = process.rpartition(":")
    if machine != _machine() or not machine.strip(":") or not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return _is_zombie(int(pid))


def _is_zombie(pid: int) -> bool:
    with suppress(OSError):
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
        return stat.rpartition(")")[2].split()[:1] == ["Z"]
    return False


@lru_cache(maxsize=1)
def _machine() -> str:
    boot = namespace = ""
    with suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
        namespace = str(Path("/proc/self/ns/pid").readlink())
    return f"{boot}:{namespace}"
