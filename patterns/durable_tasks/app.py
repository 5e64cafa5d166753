"""The Celery app: `send_task()` and `control.revoke()` know the rows."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from celery import Celery
from celery.app.control import Control
from celery.backends.base import DisabledBackend

from . import calls, enqueue, fresh, refusals
from .errors import NotKept

KEEPING = {
    "worker_consumer": f"{__package__}.consumer:DurableConsumer",
    # Seconds until a killed child's task is taken back, for an end that it may have sent before.
    # What ends a durable task is in the database: nothing is won by Celery's 10.
    "worker_lost_wait": 1,
}
_OPEN = "SELECT id FROM durable_tasks_task WHERE id = ANY(%s::uuid[]) AND state < 4"


class DurableControl(Control):
    """Remote control; refuses to revoke a durable task, whose message is only a hint."""

    def revoke(self, task_id: Any, *args: Any, **kwargs: Any) -> Any:
        """Revoke plain tasks; raise `NotKept` for a durable one."""
        ids = [task_id] if isinstance(task_id, str) else list(task_id)
        if rows := _rows_of(ids):
            raise NotKept(
                f"Task {', '.join(rows)} is durable: a revoked message would be published again."
                " Cancel the row: durable_tasks.cancel.cancel([id])."
            )
        return super().revoke(task_id, *args, **kwargs)

    def rate_limit(self, task_name: str, rate_limit: Any, *args: Any, **kwargs: Any) -> Any:
        """Limit plain tasks; raise `NotKept` for a durable one, whose messages would wait."""
        if rate_limit and refusals.is_durable(self.app, task_name):
            raise NotKept(f"{task_name}: {refusals.RATE_LIMIT}")
        return super().rate_limit(task_name, rate_limit, *args, **kwargs)


class NoResults(DisabledBackend):
    """No result backend; says of a chord what else to do."""

    def ensure_chords_allowed(self) -> None:
        """Raise `NotKept`."""
        raise NotKept(f"A chord is not kept; {refusals.REFUSED['chord']}.")


class DurableCelery(Celery):
    """A Celery app whose base task is durable.

    Its workers keep every message that cannot become a task, and take a killed process's task back
    after a second: defaults, which a setting of the project's own overrides.
    """

    control_cls = f"{__package__}.app:DurableControl"
    amqp_cls = f"{__package__}.envelope:DurableAMQP"

    def _load_config(self) -> Any:
        conf = super()._load_config()  # type: ignore[misc]  # not in the stubs
        # Before Celery's own alone: `add_defaults()` would win over config_from_object().
        conf.maps.insert(len(conf.maps) - 1, dict(KEEPING))
        return conf

    def _get_backend(self) -> Any:
        backend = super()._get_backend()  # type: ignore[misc]  # not in the stubs
        return NoResults(app=self) if type(backend) is DisabledBackend else backend

    def send_task(  # type: ignore[override]  # what Celery lists one by one is passed through
        self, name: str, args: Any = None, kwargs: Any = None, **options: Any
    ) -> Any:
        """Enqueue by name. A task that this process does not know is durable: a row, as any other.

        A worker to which the name is unknown leaves it to one that knows it.
        """
        if options.get("task_type") is not None:  # from Task.apply_async(): a plain task
            return super().send_task(name, args, kwargs, **options)
        task: Any = self.tasks.get(name)
        if task is not None:
            return task.apply_async(args, kwargs, **options)
        row = calls.new_row(self, name, None, args, kwargs, options)
        return self.AsyncResult(str(enqueue.insert(row)))


def _rows_of(ids: Iterable[str]) -> list[str]:
    known = [str(each) for each in ids if _is_uuid(each)]
    found = fresh.execute(_OPEN, [known])
    return [str(row[0]) for row in found]


def _is_uuid(text: str) -> bool:
    try:
        UUID(str(text))
    except ValueError:
        return False
    return True
