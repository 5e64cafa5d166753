"""One queue: a named lane, why it exists, and the worker that takes from it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from .process import NAME, NOTHING, Process

AT_CAP = ("alarm", "refuse")
# Celery has more. gevent and eventlet patch the whole process, and enforce no limit either.
POOLS = ("prefork", "solo", "threads")
# Only a process beside the task's own can end it. The other two take a limit, and do nothing.
ENFORCES_TIME_LIMITS = frozenset({"prefork"})
# Megabytes of a worker before its first task, and of each that runs one beside others; measured
# (102 MB with one child, 149 with two, 242 with four; the others 85), and rounded up.
WORKER_MB = {"prefork": 60, "solo": 90, "threads": 90}
CHILD_MB = {"prefork": 50, "solo": 0, "threads": 1}


@dataclass(frozen=True, kw_only=True)
class Queue:
    """One named lane, why it exists, and the worker that takes from it.

    `app` is the Celery app as `celery -A` takes it. `pool` is how its worker runs tasks: "prefork"
    in processes, which alone can be ended at a time limit or outlive a crash; "solo" in the
    worker's own, one at a time; "threads" for many plain tasks that wait. `concurrency` is how many
    run at once: 1, since tasks on one lane wait for each other unless you say otherwise, and every
    process costs some 50 MB. `cap` is how many tasks may wait: a million are some 500 MB in a
    database. `at_cap` is what happens to one more: "alarm" takes it all the same, since a task
    refused is work undone that somebody was promised; "refuse" is for what can be asked for again.
    `latency_seconds` is how long the oldest due task may wait before somebody is told.
    `calls_outside`: its tasks contact the outside, so none may hold a transaction open meanwhile.
    `task_memory_mb` is what one task may take beside the worker, before a container is ended.
    """

    name: str
    why: str
    app: str = "config"
    pool: Literal["prefork", "solo", "threads"] = "prefork"
    concurrency: int = 1
    cap: int = 1_000_000
    at_cap: Literal["alarm", "refuse"] = "alarm"
    latency_seconds: float = 300
    calls_outside: bool = False
    task_memory_mb: int = 100

    def __post_init__(self) -> None:
        """Raise `ValueError`, which names the queue, where a part makes no sense."""
        if not NAME.fullmatch(self.name):
            raise self._refused("use lower-case letters, digits, underscores.")
        if not self.why.strip():
            raise ValueError(f"Queue {self.name!r} does not say why it exists: set `why`.")
        if self.pool not in POOLS:
            raise self._refused(f"pool is one of {', '.join(POOLS)}, not {self.pool!r}.")
        if self.at_cap not in AT_CAP:
            raise self._refused(f"at_cap is one of {', '.join(AT_CAP)}.")
        for part in ("concurrency", "cap", "task_memory_mb"):
            if getattr(self, part) < 1:
                raise self._refused(f"{part} must be 1 or more.")
        if self.latency_seconds <= 0:
            raise self._refused("latency_seconds must be more than 0.")
        if self.pool == "solo" and self.concurrency > 1:
            raise self._refused(
                f"the solo pool runs one task at a time, not {self.concurrency}: remove"
                ' `concurrency`, or say pool="prefork".'
            )

    @property
    def enforces_time_limits(self) -> bool:
        """Tell whether a task that takes too long is ended; Celery says nothing where it is not."""
        return self.pool in ENFORCES_TIME_LIMITS

    @property
    def process(self) -> str:
        """Name of its worker's process."""
        return f"worker_{self.name}"

    @property
    def command(self) -> str:
        """Command of its worker, as a Procfile has it."""
        return self.worker().line

    def worker(
        self, *, stop_seconds: float = 10, deployed_environment: Mapping[str, str] = NOTHING
    ) -> Process:
        """Return its worker's process, which a platform leaves `stop_seconds` to end by itself.

        REMAP_SIGTERM: at a stop it gives running tasks `worker_soft_shutdown_timeout` and hands
        back the rest; Celery's own way is to wait until somebody kills it. It is read before any
        of our modules, so it stands here. Gossip and mingle cost connections and a slow start.
        """
        memory_mb = WORKER_MB[self.pool] + CHILD_MB[self.pool] * self.concurrency
        pool = "" if self.pool == "prefork" else f" --pool {self.pool}"
        return Process(
            name=self.process,
            why=self.why,
            command=f"celery -A {self.app} worker -Q {self.name} -n {self.name}@%h{pool}"
            f" -c {self.concurrency} --without-gossip --without-mingle",
            environment={"REMAP_SIGTERM": "SIGQUIT"},
            deployed_environment=deployed_environment,
            memory_mb=memory_mb,
            memory_limit_mb=memory_mb + self.task_memory_mb * self.concurrency,
            stop_seconds=stop_seconds,
        )

    def _refused(self, why: str) -> ValueError:
        return ValueError(f"Queue {self.name!r}: {why}")
