"""A row says what it is where people meet it: in an error, a log, Django's shell and admin."""

from datetime import UTC, datetime
from uuid import UUID

from patterns.durable_tasks.models import (
    Event,
    FailedAttempt,
    Firing,
    Kind,
    Outcome,
    QueueRow,
    TaskRow,
)

ID = UUID("11111111-1111-4111-8111-111111111111")


def test_each_row_names_its_task_its_queue_or_its_entry() -> None:
    noon = datetime(2026, 3, 4, 12, tzinfo=UTC)
    rows = {
        f"shop.charge[{ID}]": TaskRow(id=ID, name="shop.charge"),
        f"shop.charge[{ID}] retried": Event(task_id=ID, name="shop.charge", kind=Kind.RETRIED),
        f"builtins.OSError of {ID}": FailedAttempt(task_id=ID, exception_class="builtins.OSError"),
        f"shop.mail[{ID}]": Outcome(id=ID, name="shop.mail"),
        "mail": QueueRow(name="mail"),
        f"nightly at {noon}": Firing(entry="nightly", due_at=noon),
    }
    assert {str(row): row for row in rows.values()} == rows
