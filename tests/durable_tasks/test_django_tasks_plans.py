"""What is asked of results and errors at many of them: by an index, however many there are."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.utils import timezone

from patterns.durable_tasks import cleanup
from patterns.durable_tasks.django_tasks import framework, results
from patterns.durable_tasks.models import TaskRow
from tests.durable_tasks.test_query_plans import explained, nodes

TABLES = ("durable_tasks_result", "durable_tasks_attempt", "durable_tasks_event")
_FILL = """
INSERT INTO durable_tasks_result (id, name, queue, options, arguments, enqueued_at, started_at,
    last_attempted_at, finished_at, expires_at, workers, return_value)
SELECT gen_random_uuid(), 'a.b', 'default', '', '', now(), now(), now(), now(),
    now() + make_interval(secs => n), '[]', 'null' FROM generate_series(1, 50000) AS n;
INSERT INTO durable_tasks_attempt (task_id, at, started_at, worker, exception_class, traceback)
SELECT gen_random_uuid(), now() - make_interval(secs => n), now(), 'w', 'ValueError', ''
FROM generate_series(1, 50000) AS n;
INSERT INTO durable_tasks_event (task_id, name, kind)
SELECT gen_random_uuid(), 'a.b', 'crashed' FROM generate_series(1, 50000) AS n;
ANALYZE durable_tasks_result, durable_tasks_attempt, durable_tasks_event
"""


@pytest.fixture(autouse=True)
def filled() -> Iterator[None]:
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(_FILL)
        yield
        transaction.set_rollback(True)


def scanned(run: Callable[[], object]) -> list[str]:
    """Return the tables that a function's statements read from one end to the other."""
    sent: list[Any] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        sent.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        run()
    plans = [explained(sql, params, "") for sql, params in sent if "durable_tasks_" in sql]
    assert plans
    return [
        each["Relation Name"]
        for plan in plans
        for each in nodes(plan)
        if each["Node Type"] == "Seq Scan" and each["Relation Name"] in TABLES
    ]


def test_a_result_is_found_by_its_id() -> None:
    def ask() -> None:
        with pytest.raises(framework.TaskResultDoesNotExist):
            results.read(str(uuid4()))

    assert scanned(ask) == []


def test_the_history_of_a_task_is_found_by_its_id() -> None:
    row = TaskRow(id=uuid4(), name="durable_shop.work.write", queue="default", arguments="[[],{}]")
    row.options = '{"django": {"backend": "default", "priority": 0}}'
    row.state, row.crashes, row.enqueued_at = 1, 1, timezone.now()
    assert scanned(lambda: results.of_row(row)) == []


def test_what_is_too_old_is_found_by_its_age() -> None:
    assert scanned(cleanup.delete_old_results) == []
