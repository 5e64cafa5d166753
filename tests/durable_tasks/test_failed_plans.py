"""What looks at failed tasks, and works on them, at a million rows of which 100,000 have failed.

No statement reads the table from end to end; none reads more than it needs.
"""

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from durable_shop.celery import app

from patterns.durable_tasks import cancel, cleanup, failed, obstacles
from patterns.durable_tasks.failed import Selection
from patterns.durable_tasks.models import State, TaskRow
from tests.durable_tasks.test_query_plans import nodes, plans_of
from tests.servers import eventually

ROWS = 1_000_000
_FILL = f"""
ALTER TABLE durable_tasks_task DISABLE TRIGGER USER;
INSERT INTO durable_tasks_task (id, name, queue, state, failures, arguments, shown, reason, error,
    failed_at, discarded_at)
SELECT gen_random_uuid(), CASE WHEN n % 10 = 9 THEN 'task ' || n / 10 % 20 ELSE 'a.task' END,
    'q' || n / 10 % 4, CASE WHEN n % 10 = 9 THEN 4 WHEN n % 100 = 8 THEN 5 ELSE n % 2 END,
    (n % 10 = 9 OR n % 1000 = 7)::int, '[[' || n || '], {{}}]', '["(' || n || ',)", "{{}}"]', '',
    CASE WHEN n % 10 = 9 THEN 'Error' || n / 200 % 10 || ': order ' || n || repeat(' x', 200)
        ELSE '' END,
    CASE WHEN n % 10 = 9 THEN now() - n * interval '1 second' END,
    CASE WHEN n % 100 = 8 THEN now() - n * interval '1 minute' END
FROM generate_series(1, {ROWS}) AS n;
INSERT INTO durable_tasks_event (task_id, name, kind, at)
SELECT id, name, 'failed', failed_at FROM durable_tasks_task WHERE state = 4;
INSERT INTO durable_tasks_event (task_id, name, kind, at)
SELECT gen_random_uuid(), 'gone', 'succeeded', now() - n * interval '1 minute'
FROM generate_series(1, 100000) AS n;
ALTER TABLE durable_tasks_task ENABLE TRIGGER USER;
"""
# Of 8 kB. What a page shows first; the groups of 100,000 rows, counted from an index alone; a
# thousand rows changed, each in some indexes, with their events.
FEW, GROUPS, THOUSAND = 500, 3_000, 60_000
ALL_FAILED = 40_000  # a filter that no index serves reads each failed row, and no other
FAR_TOO_SLOW_SECONDS = 60.0  # each takes a fraction of a second on an idle machine

pytestmark = pytest.mark.usefixtures("million")


@pytest.fixture(scope="module")
def filled(database: None, django_db_blocker: Any) -> Iterator[None]:
    with django_db_blocker.unblock():
        with connection.cursor() as cursor:
            cursor.execute(_FILL)
        yield
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE durable_tasks_task, durable_tasks_event")
        connection.close()  # other tests of this process have a server of their own


def is_vacuumed(cursor: Any) -> bool:
    """Vacuum, indexes too; autovacuum may be at work beside it, and keep rows from being seen."""
    cursor.execute("VACUUM (ANALYZE, INDEX_CLEANUP ON) durable_tasks_task, durable_tasks_event")
    cursor.execute(
        "SELECT relallvisible = relpages FROM pg_class WHERE relname = 'durable_tasks_task'"
    )
    return bool(cursor.fetchone()[0])


@pytest.fixture
def million(filled: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Undo what a test does: the rows are there for all of them."""
    monkeypatch.setattr(obstacles, "app_of", lambda queue: app)
    with connection.cursor() as cursor:  # what a test undoes is still in the table
        eventually(lambda: is_vacuumed(cursor))
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.fixture
def empty_tables() -> None:
    """Not emptied after each test here."""


def check(run: Callable[[], object], buffers: int) -> None:
    begun = time.monotonic()
    plans = plans_of(run)
    assert plans
    for plan in plans:
        read = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
        scans = [each["Node Type"] for each in nodes(plan)]
        print(f"{read:>8} blocks  {plan['Actual Total Time']:>8.1f} ms  {scans}")
        assert "Seq Scan" not in scans, plan
        assert read < buffers, plan
    assert time.monotonic() - begun < FAR_TOO_SLOW_SECONDS


ONE = Selection(name="task 3", exception="Error4")


def test_the_first_page_is_read_by_index() -> None:
    check(lambda: failed.rows(Selection(), 50), FEW)
    check(lambda: failed.rows(ONE, 50), FEW)
    check(lambda: failed.rows(Selection(since=failed.now() - timedelta(hours=1)), 50), FEW)


def test_groups_are_counted_from_an_index_alone() -> None:
    check(lambda: failed.groups(Selection()), GROUPS)
    check(lambda: failed.groups(ONE), FEW)
    check(failed.alarms, GROUPS)
    assert len(failed.groups(Selection(), limit=300)) == 200


def test_a_count_reads_what_it_counts() -> None:
    check(lambda: failed.count(Selection(), limit=1000), GROUPS)
    check(lambda: failed.count(Selection()), ALL_FAILED)
    check(lambda: failed.count(failed.REPLAYED), GROUPS)


@pytest.mark.parametrize(
    "selection",
    [Selection(queue="q1"), Selection(reason=""), Selection(text="order 77")],
    ids=["queue", "reason", "text"],
)
def test_a_filter_without_an_index_reads_the_failed_rows_alone(selection: Selection) -> None:
    check(lambda: failed.groups(selection), ALL_FAILED)
    check(lambda: failed.count(selection, limit=1000), ALL_FAILED)
    check(lambda: failed.foreseen(selection), ALL_FAILED)


@pytest.mark.parametrize(
    "selection", [Selection(), ONE, Selection(queue="q1")], ids=["all", "group", "queue"]
)
def test_a_thousand_are_replayed_or_discarded_by_index(selection: Selection) -> None:
    for change in (failed.replay, failed.discard):
        check(lambda change=change: change(selection, by="pat", seconds=0), THOUSAND)  # type: ignore[misc]


def test_the_last_thousand_costs_no_more_than_the_first() -> None:
    rows = TaskRow.objects.filter(state=4).order_by("failed_at").values_list("failed_at", "id")
    failed_at, id = rows[98_500]
    after = f"{failed.now().isoformat()}|{failed_at.isoformat()}|{id}"
    check(lambda: failed.replay(Selection(), by="pat", seconds=0, after=after), THOUSAND)


def test_calls_are_found_by_their_task() -> None:
    check(lambda: failed.replay_failed_of("task 3", ["[[39], {}]"], by="pat"), ALL_FAILED)


def test_a_backlog_is_listed_and_cancelled_by_key() -> None:
    waiting = Selection(states=(State.SCHEDULED, State.READY, State.PUBLISHED))
    check(lambda: failed.rows(waiting, 50), FEW)
    check(lambda: failed.rows(failed.REPLAYED, 50), FEW)

    def a_thousand() -> None:
        with pytest.raises(InterruptedError):
            cancel.cancel_all(waiting, by="pat", progress=stop)

    check(a_thousand, THOUSAND)


def test_history_is_purged_by_index() -> None:
    check(cleanup.delete_old_history, THOUSAND)


def stop(done: int) -> None:
    raise InterruptedError
