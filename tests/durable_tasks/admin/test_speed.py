"""The pages at a hundred thousand failed rows: how many queries, and by which plans.

Each statement of a page is caught as it is sent, and explained with its own values.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from patterns.durable_tasks import sought
from patterns.durable_tasks.models import TaskRow
from tests.durable_tasks.admin.conftest import FAILED, HISTORY, TASKS
from tests.servers import eventually

# A traceback of two kilobytes or so, as they are: the table is a few hundred megabytes.
_FILL = """
ALTER TABLE durable_tasks_task DISABLE TRIGGER USER;
INSERT INTO durable_tasks_task (id, name, queue, state, reason, error, traceback, arguments, shown,
    retries, failures, started_at, failed_at, first_failed_at)
SELECT lpad(to_hex(n), 32, '0')::uuid, 'shop.task' || n % 7, CASE WHEN n % 50000 = 0 THEN 'rare'
    ELSE 'q' || n % 4 END, 4, (ARRAY['retries', 'error', 'crashes'])[1 + n % 3],
    'Error' || n % 5 || ': number ' || n || repeat(' words', 30),
    (SELECT string_agg(md5((n * i)::text), E'\\n') FROM generate_series(1, 60) AS i),
    '[[' || n || '], {}]', '["(' || n || ',)", "{}"]', 5, 1, now(),
    now() - make_interval(secs => n), now() - make_interval(secs => n)
FROM generate_series(1, 100000) AS n;
INSERT INTO durable_tasks_task (id, name, queue, state, leased_until, arguments, shown, due_at,
    discarded_at)
SELECT lpad(to_hex(n + 1000000), 32, '0')::uuid, 'shop.wait', 'q' || n % 4,
    (ARRAY[0, 1, 1, 2, 5])[1 + n % 5], now(), '[["x"], {}]', '["(1,)", "{}"]',
    now() + make_interval(secs => n), now()
FROM generate_series(1, 100000) AS n;
UPDATE durable_tasks_task SET failures = 1 WHERE state = 1 AND id < lpad(to_hex(1000100), 32,
    '0')::uuid;
INSERT INTO durable_tasks_event (task_id, name, at, kind, note)
SELECT lpad(to_hex(n), 32, '0')::uuid, 'shop.task', now() - make_interval(secs => n),
    CASE WHEN n % 1000 = 0 THEN 'discarded' ELSE 'failed' END, 'Error: ' || n
FROM generate_series(1, 100000) AS n;
ALTER TABLE durable_tasks_task ENABLE TRIGGER USER;
"""
ONE = f"{FAILED}00000000-0000-0000-0000-000000000001/change/"
# Session and user; permissions; BEGIN, the setting, COMMIT; groups, their examples and those rows;
# the page's ids and rows; the replayed ones; queues; for a filter the choices.
LIST_QUERIES = 22
# Of 8 kB, touched. The failed rows themselves fill some 30,000 of them, and are read (more than
# once: groups, count, list) where a filter is by what no index holds; ten thousand of a state are
# counted from as many rows where no vacuum has been.
BY_INDEX, BY_ROWS = 30_000, 200_000
PAGES = {
    FAILED: BY_INDEX,
    f"{FAILED}?page=200": BY_INDEX,
    f"{FAILED}?name=shop.task3&exception=Error1": BY_INDEX,
    f"{FAILED}?since=hour": BY_INDEX,
    f"{FAILED}?queue=q1": BY_ROWS,
    f"{FAILED}?queue=rare": BY_ROWS,
    f"{FAILED}?reason=crashes": BY_ROWS,
    f"{FAILED}?text=number+99999": BY_ROWS,
    f"{FAILED}replay/?all=1": BY_ROWS,
    f"{FAILED}discard/?name=shop.task3&exception=Error1": BY_ROWS,
    ONE: 200,
    TASKS: BY_INDEX,
    **{f"{TASKS}?state={state}&page=200": BY_INDEX for state in (0, 1, 2, 3, 5)},
    f"{TASKS}?state=1&queue=q3": BY_INDEX,
    HISTORY: BY_INDEX,
    f"{HISTORY}?kind=discarded": BY_INDEX,
}


@pytest.fixture(scope="module")
def filled(database: None, django_db_blocker: Any) -> Iterator[None]:
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(_FILL)
        cursor.execute("VACUUM ANALYZE durable_tasks_event")
        # Again while the server's own analyze, which a burst of rows begins, holds a snapshot.
        eventually(lambda: is_all_visible(cursor))
        yield
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute("TRUNCATE durable_tasks_task, durable_tasks_event")
        connection.close()


@pytest.fixture
def empty_tables() -> None:
    """Not emptied after each test here."""


@pytest.fixture
def boss(filled: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("boss"))
    return client


def is_all_visible(cursor: Any) -> bool:
    cursor.execute("VACUUM ANALYZE durable_tasks_task")
    cursor.execute(
        "SELECT relallvisible > relpages * 0.98 FROM pg_class WHERE relname = 'durable_tasks_task'"
    )
    return bool(cursor.fetchone()[0])


def sent_by(client: Client, address: str) -> list[tuple[str, Any]]:
    """Return what a page asks of the database."""
    sent: list[tuple[str, Any]] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        sent.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        response = client.get(address)
    assert response.status_code == 200
    assert len(response.content) < 200_000
    return sent


def explained(sql: str, params: Any) -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off")  # as the pages set it
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}", params)
        plan: dict[str, Any] = cursor.fetchone()[0][0]["Plan"]
        cursor.execute("RESET enable_seqscan")
    return plan


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)


@pytest.mark.parametrize("address", PAGES)
def test_a_page_asks_few_questions_each_answered_by_an_index(boss: Client, address: str) -> None:
    sent = sent_by(boss, address)
    assert len(sent) <= LIST_QUERIES, [sql for sql, _ in sent]
    touched = 0
    for sql, params in sent:
        if "durable_tasks_" not in sql:
            continue
        plan = explained(sql, params)
        for node in nodes(plan):
            if node.get("Relation Name") in ("durable_tasks_task", "durable_tasks_event"):
                assert node["Node Type"] != "Seq Scan", (sql, plan)
        touched += plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
    assert touched < PAGES[address]


def test_a_text_that_a_task_knows_thousands_of_rows_by_costs_no_more(
    boss: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = [("shop.task3", [f"[[{n}], {{}}]" for n in range(3, 70_000, 7)])]
    monkeypatch.setattr(sought, "calls", lambda text: known)
    test_a_page_asks_few_questions_each_answered_by_an_index(boss, f"{FAILED}?text=number+99999")
    assert "10,001 tasks" in boss.get(f"{FAILED}?text=number+99999").content.decode()


def test_before_the_first_analyze_too(boss: Client) -> None:
    """A burst is there before the statistics: the plan must not depend on them."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM pg_statistic WHERE starelid = 'durable_tasks_task'::regclass")
        cursor.execute("UPDATE pg_class SET reltuples = -1 WHERE relname = 'durable_tasks_task'")
    for address in (FAILED, f"{FAILED}replay/?all=1", TASKS):
        for sql, params in sent_by(boss, address):
            if "durable_tasks_task" in sql:
                assert all(
                    node["Node Type"] != "Seq Scan"
                    for node in nodes(explained(sql, params))
                    if node.get("Relation Name") == "durable_tasks_task"
                )


def test_a_hundred_thousand_are_all_counted(boss: Client) -> None:
    assert TaskRow.objects.filter(state=4).count() == 100_000
    assert "100,000 tasks have failed" in " ".join(
        boss.get(FAILED).content.decode().replace("<strong>", "").split()
    )
