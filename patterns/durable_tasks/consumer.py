"""What a worker's main process does with a message before there is a task: it dies of none.

Celery drops what it cannot decode, and some messages end the worker, which gets them again. Here
each becomes a failed row. Plugged in by Celery's setting `worker_consumer`.
"""

from collections.abc import Callable
from typing import Any

from celery import signals
from celery.utils.log import get_logger
from celery.worker.consumer import Consumer

from . import malformed, unknown
from .envelope import broken_connection_errors
from .faults import fault_of, queue_of
from .marks import PUBLICATION
from .task import DurableTask
from .unwritten import Unwritten

logger = get_logger(__name__)


class DurableConsumer(Consumer):
    """A consumer that keeps every message which does not become a task.

    Crash before the row is written, or before the message is acknowledged: the broker hands it out
    again. With the database away a message stays unacknowledged; once as many wait as the worker
    prefetches, it takes no more, since it could neither run a durable task nor keep a bad message.
    """

    # Celery's, which the stubs do not have.
    connection_errors: tuple[type[Exception], ...]
    channel_errors: tuple[type[Exception], ...]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """As Celery's."""
        self._unwritten = Unwritten(self)
        super().__init__(*args, **kwargs)

    def create_task_handler(self, *args: Any, **kwargs: Any) -> Callable[[Any], None]:
        """Return what takes a message: Celery's own, behind a check, and nothing escapes it."""
        handle = super().create_task_handler(*args, **kwargs)
        broken = (*broken_connection_errors(self), *self.channel_errors)

        def on_task_received(message: Any) -> None:
            try:
                if fault := fault_of(message):
                    self.keep_malformed(message, fault)
                elif self._would_run_past_its_row(message.headers):
                    self._put_back(message)
                else:
                    handle(message)
            except broken:
                raise
            except Exception as error:
                self.keep_malformed(message, error)

        return on_task_received

    def call_soon_ack(self, p: Any, *args: Any, **kwargs: Any) -> Any:
        """As Celery's; a message that raised after its acknowledgment was ordered has it by then.

        `p` is a message's method: in a solo pool the task runs between the two.
        """

        def settle() -> None:
            if not p.__self__.acknowledged:
                p(*args, **kwargs)

        return super().call_soon_ack(settle)  # type: ignore[misc]  # it is not in the stubs

    def on_decode_error(self, message: Any, exc: Exception) -> None:
        """Keep a message whose body cannot be decompressed or decoded."""
        self.keep_malformed(message, exc)

    def on_invalid_task(self, body: Any, message: Any, exc: Exception) -> None:
        """Keep a message that says that it is a task, and breaks the protocol."""
        self.keep_malformed(message, exc)

    def on_unknown_task(self, body: Any, message: Any, exc: Exception) -> None:
        """Leave a durable task to a worker that knows it; keep a plain one as failed."""
        headers = message.headers
        if "task" not in headers:  # the protocol of Celery 3
            self.keep_malformed(message, f"its task {exc} is not known to this worker")
        elif PUBLICATION in headers:
            self._put_back(message)
        else:
            self._unwritten.settle(message, lambda: unknown.keep_plain(self, message, exc))

    def on_close(self) -> None:
        """As Celery's; what waits belongs to the lost connection, and comes again."""
        self._unwritten.clear()
        super().on_close()

    def keep_malformed(self, message: Any, error: Exception | str) -> None:
        """Write the message into the failed set, then acknowledge it."""

        def write() -> None:
            row_id = malformed.keep(message, error, worker=str(self.hostname))
            logger.error(
                "A message of queue %r cannot be a task, and is failed task %s: %s",
                queue_of(message),
                row_id,
                error,
            )
            exc = error if isinstance(error, Exception) else None
            signals.task_rejected.send(sender=self, message=message, exc=exc)

        self._unwritten.settle(message, write)

    def _would_run_past_its_row(self, headers: dict[str, Any]) -> bool:
        """Tell whether a durable message names a task that would run without its arguments."""
        if PUBLICATION not in headers:
            return False
        task = self.app.tasks.get(str(headers.get("task")))
        return task is not None and not isinstance(task, DurableTask)

    def _put_back(self, message: Any) -> None:
        name, task_id = message.headers["task"], message.headers["id"]
        publication, known = message.headers[PUBLICATION], self.app.tasks.get(name)
        try:
            unknown.put_back(task_id, publication, name, known=known, worker=str(self.hostname))
        except Exception as error:  # the publication's lease ends, and it is published again
            logger.warning("Task %s[%s] is unknown, and not put back: %s", name, task_id, error)
        self._unwritten.acknowledge(message)
