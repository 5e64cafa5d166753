"""A worker's heartbeat: a thread writes it, and only while the worker's event loop turns."""

import threading
import time
from typing import Any

from celery import bootsteps, signals
from celery.concurrency.solo import TaskPool as SoloPool
from django.db import connections

from . import configuration
from .heartbeats import BEATS_A_SILENCE, WORKER, Heartbeat

# Of this process: a worker has one consumer.
_current: "list[WorkerHeartbeat]" = []


class WorkerHeartbeat(bootsteps.StartStopStep):
    """Add it to the app: `app.steps["consumer"].add(WorkerHeartbeat)`.

    Killed, frozen or stuck: the heartbeat ages. Stopped in order: its row is deleted. While the
    broker is away the worker waits for it, and lives. A solo pool runs tasks in the loop itself, so
    there the process's life is all that is told.
    """

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, consumer: Any, **options: Any) -> None:
        """Begin with the first connection."""
        super().__init__(consumer, **options)
        self._ticked_at = 0.0
        self._queues: list[str] = []
        self._entry: Any = None
        self._is_connected = False
        self._is_solo = False
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, parent: Any) -> None:
        """Tick with the loop of this connection."""
        self._is_solo = isinstance(parent.pool, SoloPool)
        self._is_connected = True
        self._tick(parent)
        seconds = configuration.worker_silence_seconds() / BEATS_A_SILENCE
        self._entry = parent.timer.call_repeatedly(seconds, self._tick, (parent,))
        if self._thread is None or not self._thread.is_alive():
            heartbeat = Heartbeat(WORKER + parent.hostname)
            _current[:] = [self]
            self._thread = threading.Thread(
                target=self._write, args=(heartbeat,), name="heartbeat", daemon=True
            )
            self._thread.start()

    def stop(self, parent: Any) -> None:
        """The connection is lost, or the worker ends: who ends it says which."""
        self._is_connected = False
        if self._entry is not None:
            self._entry.cancel()

    def end(self) -> None:
        """Delete the heartbeat; wait a moment for that."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join(3)

    def _tick(self, parent: Any) -> None:
        self._ticked_at = time.monotonic()
        # Each time, and here in the loop: add_consumer and cancel_consumer change them there.
        self._queues = sorted(parent.app.amqp.queues.consume_from)

    def _write(self, heartbeat: Heartbeat) -> None:
        seconds = heartbeat.interval_seconds
        while True:
            if self._is_turning(2 * seconds):
                heartbeat.values["queues"] = self._queues
                heartbeat.write()
                connections.close_all()
            if self._ended.wait(seconds):
                break
        heartbeat.end()
        connections.close_all()

    def _is_turning(self, seconds: float) -> bool:
        is_recent = time.monotonic() - self._ticked_at < seconds
        return is_recent or self._is_solo or not self._is_connected


@signals.worker_shutdown.connect
def end_after_tasks(**_: Any) -> None:
    """Delete the heartbeat after a warm shutdown."""
    for step in _current:
        step.end()


@signals.worker_shutting_down.connect
def end_at_once(how: str = "", **_: Any) -> None:
    """The same after a cold one, in which Celery sends this signal alone."""
    if how == "Cold":
        end_after_tasks()
