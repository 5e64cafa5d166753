"""Every statement of the hot path at a million rows: an index, few pages, few rows.

Each is caught as it is sent, by running the code that sends it, and explained with its own values.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection, transaction
from durable_shop import tasks

from patterns.durable_tasks import (
    claim,
    discovery,
    figures,
    keeper,
    lag,
    listening,
    lost,
    malformed,
    marking,
    promotion,
    recovery,
    unknown,
    waiting,
)
from patterns.durable_tasks.models import QueueRow, TaskRow

ROWS = 1_000_000
# Of 8 kB. A statement for a window (250 rows) or a thousand rows touches each row's page and the
# indexes: some 4,000 and 14,000. One that read the table would touch 23,000.
FEW_BUFFERS = 200  # a hundred rows run
WINDOW_BUFFERS = 10_000
THOUSAND_BUFFERS = 22_000
# Counting a million: their entries in the indexes, and their pages where vacuum has not seen them.
COUNTED_BUFFERS = 100_000
_FILL = f"""
ALTER TABLE durable_tasks_task DISABLE TRIGGER USER;
INSERT INTO durable_tasks_task (id, name, queue, rank, state, due_at, expires_at, leased_until,
    publication, claim, arguments, shown, options, unique_key)
SELECT lpad(to_hex(n), 32, '0')::uuid, 'shop.write_note', 'q' || n / 10 % 4, n % 3, state,
    now() + make_interval(secs => CASE state WHEN 0 THEN n % 9000 - 900 ELSE -n % 9000 END),
    CASE WHEN n % 50 = 0 THEN now() + make_interval(secs => n % 9000) END,
    CASE WHEN state IN (2, 3) THEN now() + make_interval(secs => n % 60 - 1) END,
    CASE WHEN state IN (2, 3) THEN gen_random_uuid() END,
    CASE WHEN state = 3 THEN gen_random_uuid() END,
    '[["x"], {{}}]', '["(''x'',)", "{{}}"]', '', CASE WHEN n % 20 = 0 THEN 'key ' || n END
FROM (SELECT n, CASE WHEN n % 10 < 5 THEN 1 WHEN n % 10 < 8 THEN 0 WHEN n % 1000 = 8 THEN 2
    WHEN n % 10000 = 9 THEN 3 ELSE 4 END AS state FROM generate_series(1, {ROWS}) AS n) AS numbered;
ALTER TABLE durable_tasks_task ENABLE TRIGGER USER
"""

pytestmark = pytest.mark.usefixtures("million")


@pytest.fixture(scope="module")
def filled(database: None, django_db_blocker: Any) -> Iterator[None]:
    with django_db_blocker.unblock():
        with connection.cursor() as cursor:
            cursor.execute(_FILL)
            cursor.execute("VACUUM ANALYZE durable_tasks_task")
        yield
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE durable_tasks_task, durable_tasks_event")


@pytest.fixture
def million(filled: None) -> Iterator[None]:
    """Undo what a test does: the rows are there for all of them."""
    with transaction.atomic():
        for number in range(4):
            QueueRow.objects.get_or_create(name=f"q{number}")
        yield
        transaction.set_rollback(True)


@pytest.fixture
def empty_tables() -> None:
    """Not emptied after each test here."""


def plans_of(run: Callable[[], object]) -> list[dict[str, Any]]:
    """Return the plans of the statements on tasks that a function sends, run by EXPLAIN ANALYZE."""
    sent: list[tuple[str, Any, str]] = []
    settings = [""]

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if "set_config('enable_" in sql:
            settings[0] = sql
        if re.search("durable_tasks_(task|enqueue|claim|mark|waiting|complete|ask)", sql):
            sent.append((sql, params, settings[0]))
        return execute(sql, params, many, context)

    point = connection.savepoint()
    with connection.execute_wrapper(note):
        run()
    connection.savepoint_rollback(point)
    return [explained(*each) for each in sent]


def explained(sql: str, params: Any, settings: str) -> dict[str, Any]:
    point = connection.savepoint()
    with connection.cursor() as cursor:
        if settings:  # they ended with the statement's own transaction
            cursor.execute(settings)
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}", params)
        plan: dict[str, Any] = cursor.fetchone()[0][0]["Plan"]
    connection.savepoint_rollback(point)
    return plan


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)


def check(run: Callable[[], object], buffers: int = FEW_BUFFERS) -> None:
    plans = plans_of(run)
    assert plans
    for plan in plans:
        for node in nodes(plan):
            if node.get("Relation Name") == "durable_tasks_task":
                assert node["Node Type"] != "Seq Scan", plan
        read = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
        print(f"{read:>8} of {buffers}")
        assert read < buffers, plan


def test_figures_are_counted_by_indexes() -> None:
    check(figures.figures, buffers=COUNTED_BUFFERS)
    check(figures.failed_by_name, buffers=COUNTED_BUFFERS)
    check(lag.relay_lag_seconds, buffers=COUNTED_BUFFERS)


def test_enqueue_inserts_by_index() -> None:
    check(lambda: tasks.write_note.apply_async(["x"], queue="q1"))


def test_enqueue_with_a_key_that_is_taken_finds_its_row() -> None:
    check(lambda: tasks.write_note.apply_async(["x"], queue="q1", unique_key="key 20"))


def test_enqueue_of_a_thousand_is_one_statement() -> None:
    calls = [(("x",), {}) for _ in range(1000)]
    run = lambda: tasks.write_note.enqueue_many(calls, queue="q1")  # noqa: E731
    assert len(plans_of(run)) == 1
    check(run, buffers=THOUSAND_BUFFERS)


def test_relay_looks_and_marks_a_window() -> None:
    def run() -> None:
        with connection.cursor() as cursor:
            cursor.execute(waiting._WAITING)

    check(run)
    TaskRow.objects.filter(state=2).delete()
    check(lambda: marking.mark("q1"), buffers=WINDOW_BUFFERS)
    assert len(marking.mark("q1")) == 250


def test_relay_unmarks_and_doubts_by_key() -> None:
    TaskRow.objects.filter(state=2).delete()
    marked = marking.mark("q2")
    check(lambda: marking.unmark(marked), buffers=WINDOW_BUFFERS)
    check(lambda: marking.doubt(marked), buffers=WINDOW_BUFFERS)


def test_relay_promotes_expires_and_looks_at_leases() -> None:
    check(promotion.promote, buffers=THOUSAND_BUFFERS)
    check(discovery.discover, buffers=FEW_BUFFERS)


def test_relay_looks_for_lost_messages() -> None:
    check(lambda: lost.publish_again("q0", lambda: 0), buffers=WINDOW_BUFFERS)
    check(lost.look_for_all, buffers=THOUSAND_BUFFERS)


def test_relay_asks_to_be_woken() -> None:
    check(listening._is_asked_late)


def test_worker_claims_by_key() -> None:
    row = TaskRow.objects.filter(state=2).first()
    assert row is not None
    check(lambda: claim.claim(str(row.pk), str(row.publication), "w"))


@pytest.mark.parametrize("name", ["COMPLETE", "PUT_BACK", "EXISTS"])
def test_worker_settles_by_key(name: str) -> None:
    from patterns.durable_tasks import settle

    row = TaskRow.objects.filter(state=3).first()
    assert row is not None
    values = [row.pk] if name == "EXISTS" else [row.pk, row.claim]

    def run() -> None:
        with connection.cursor() as cursor:
            cursor.execute(getattr(settle, name), values)

    check(run)


def statements_on_a_fresh_connection() -> dict[str, tuple[str, Any]]:
    """What is written beside the run, each with the values of a row that it finds."""
    running, published = TaskRow.objects.filter(state=3)[0], TaskRow.objects.filter(state=2)[0]
    run, message = [running.pk, running.claim], [published.pk, published.publication]
    process = [running.pk, running.publication, running.process]
    unknown_task = {"pause": 1, "limit": 60, "error": "x", "worker": "x", "id": message[0]}
    return {
        "a lease is renewed": (keeper._RENEW, [60, *run]),
        "a paused message is put back": (claim._PUT_BACK_PAUSED, message),
        "an expired one fails": (claim._EXPIRE, message),
        "an unknown one is put back": (
            unknown._PUT_BACK,
            {**unknown_task, "publication": message[1]},
        ),
        "an unpublishable one fails": (marking._FAIL, ["x", *message]),
        "a message of ours fails": (malformed._FAIL_OWN, ["x", "x", "", b"x", "w", *message]),
        "a lost process' task is looked for": (recovery._OF_PROCESS, process),
        "a dead worker's tasks are looked for": (recovery._OF_WORKER, ["w"]),
        "a crash is counted": (recovery.crashed_statement("id = %s AND claim = %s"), ["x", *run]),
        "a hard time limit fails a task": (recovery.TIMED_OUT, ["x", *process]),
    }


def test_what_is_written_beside_a_run_is_found_by_key() -> None:
    for what, (statement, values) in statements_on_a_fresh_connection().items():

        def run(statement: str = statement, values: Any = values) -> None:
            with connection.cursor() as cursor:
                cursor.execute(statement, values)

        print(what)
        check(run)


def test_autovacuum_is_set_for_the_tables_whose_rows_come_and_go() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, reloptions FROM pg_class WHERE relname LIKE 'durable_tasks_%%'"
            " AND relkind = 'r' AND reloptions IS NOT NULL"
        )
        options = dict(cursor.fetchall())
    assert "autovacuum_vacuum_scale_factor=0.01" in options["durable_tasks_task"]
    assert "autovacuum_vacuum_cost_delay=0" in options["durable_tasks_task"]
    assert "autovacuum_vacuum_scale_factor=0" in options["durable_tasks_queue"]
    assert "autovacuum_vacuum_scale_factor=0.02" in options["durable_tasks_event"]


def test_worker_retries_and_fails_by_key() -> None:
    from patterns.durable_tasks import settle

    row = TaskRow.objects.filter(state=3).first()
    assert row is not None
    ours = claim.Claim(
        id=row.pk, token=row.claim, name=row.name, queue=row.queue,
        arguments="", options="", retries=0, crashes=0,
    )  # fmt: skip
    decision = settle.Retry(
        delay_seconds=5, due_at=None, retries=1, arguments=None, shown=None, queue=None,
        rank=None, options=None,
    )  # fmt: skip
    check(lambda: settle.retry(ours, decision, "", settle.write_here))
    check(lambda: settle.fail(ours, "error", ValueError("x"), settle.write_here))


def test_ended_sessions_are_looked_for_by_index() -> None:
    def run() -> None:
        with connection.cursor() as cursor:
            recovery.end_abandoned(cursor)

    check(run)


def test_the_window_is_found_before_the_first_analyze() -> None:
    """A burst is there before the statistics: the plan must not depend on them."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM pg_statistic WHERE starelid = 'durable_tasks_task'::regclass")
    TaskRow.objects.filter(state=2, queue="q1").delete()
    check(lambda: marking.mark("q1"), buffers=WINDOW_BUFFERS)
    check(promotion.promote, buffers=THOUSAND_BUFFERS)
