"""`kill -9` of a random process, every second or so."""

import os
import random
import signal
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Self

from crash_lab.process import Process
from crash_lab.supervisor import Supervisor

# About a second, and never in step with anything that is periodic.
SHORTEST_SECONDS, LONGEST_SECONDS = 0.6, 1.4
HAS_CHILDREN = ("web", "worker_")
KILLED = (*HAS_CHILDREN, "relay", "beat")
# How the name of what was killed begins and ends.
KINDS = {
    "web": ("web", ""),
    "worker": ("worker_", "leader"),
    "worker's child": ("worker_", "child"),
    "relay": ("relay", ""),
    "beat": ("beat", ""),
}


class Killer:
    """Kills while it is entered; `kills` counts what it killed, by name and kind."""

    def __init__(self, supervisor: Supervisor, chance: random.Random, log: Path) -> None:
        """Choose by `chance` among what `supervisor` keeps running; write each down in `log`."""
        self.supervisor, self.chance, self.log = supervisor, chance, log
        self.kills: Counter[str] = Counter()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._kill_until_over, daemon=True)

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        """Stop killing."""
        self._is_over.set()
        self._thread.join()

    def count(self, name: str) -> int:
        """Return how often a process, or a child of it, was killed."""
        return sum(count for killed, count in self.kills.items() if killed.startswith(name))

    def by_kind(self) -> dict[str, int]:
        """Return how often each kind was killed, also where that is never."""
        return {
            kind: sum(
                count
                for killed, count in self.kills.items()
                if killed.startswith(beginning) and killed.endswith(end)
            )
            for kind, (beginning, end) in KINDS.items()
        }

    def _kill_until_over(self) -> None:
        while not self._is_over.wait(self.chance.uniform(SHORTEST_SECONDS, LONGEST_SECONDS)):
            self._kill_one()

    def _kill_one(self) -> None:
        process = self.supervisor.processes[
            self.chance.choice(sorted(self.supervisor.names(beginning=KILLED)))
        ]
        kind = self.chance.choice(("leader", "child"))
        # As systemd does, or as a supervisor that does not know the children.
        process.ends_children = self.chance.random() < 0.5
        if kind == "child" and process.name.startswith(HAS_CHILDREN):
            self._kill(process, kind, self._child_of(process))
        else:
            self._kill(process, "leader", process.pid)

    def _child_of(self, process: Process) -> int:
        children = sorted(process.children())
        return self.chance.choice(children) if children else 0

    def _kill(self, process: Process, kind: str, pid: int) -> None:
        if not pid:  # it is about to start: the next one
            return
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:  # it was faster
            return
        self.kills[f"{process.name} {kind}"] += 1
        left = "" if process.ends_children else ", its children left to themselves"
        with self.log.open("a", encoding="utf-8") as log:
            log.write(f"{time.strftime('%H:%M:%S')} {process.name} {kind} {pid}{left}\n")
