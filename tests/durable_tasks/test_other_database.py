"""Durable tasks in a database that is not Django's default one."""

from pathlib import Path

from patterns.durable_tasks.models import TaskRow
from tests.durable_tasks.conftest import Start, notes
from tests.durable_tasks.test_relay import with_settings
from tests.servers import eventually

# The default database has none of the tables: what went there would fail.
SETTINGS = """
DATABASES["tasks"] = DATABASES["default"]
DATABASES["default"] = {**DATABASES["tasks"], "NAME": "postgres"}
DURABLE_TASKS_DATABASE = "tasks"
DATABASE_ROUTERS = ["own_settings.ToTasks"]


class ToTasks:
    def db_for_read(self, model, **hints):
        return "tasks"

    db_for_write = db_for_read
"""
ENQUEUE = """
import django
django.setup()
from django.db import connection, transaction
from durable_shop import tasks
from patterns.durable_tasks.errors import OtherDatabase

with transaction.atomic():
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_database()")
        print("open on", cursor.fetchone()[0])
    try:
        tasks.write_note.delay("refused")
    except OtherDatabase as error:
        print("refused:", error)
    with transaction.atomic(using="tasks"):
        tasks.write_note.delay("in both")
with transaction.atomic(using="tasks"):
    tasks.write_note.delay("committed")
    tasks.write_note.delay("committed too")
with transaction.atomic(using="tasks"):
    tasks.write_note.delay("rolled back")
    transaction.set_rollback(True, using="tasks")
tasks.write_note.delay("alone")
tasks.contact.delay("outside", after="its next step")
tasks.retry.delay("raise")
tasks.write_note.delay("failed", "raise")
tasks.write_note.delay("crashed", "kill process")
"""
WRITTEN = [
    *("alone", "committed", "committed too", "in both", "its next step", "outside"),
    "retried 1",
]


def test_tasks_run_in_a_database_that_is_not_the_default_one(
    start: Start, start_relay: Start, start_worker: Start, tmp_path: Path
) -> None:
    """Given two databases, then a task commits, runs, retries, fails and is replayed in its own."""
    environment = with_settings(tmp_path, SETTINGS)
    relay = start_relay(**environment)
    worker = start_worker(**environment)
    enqueue = start("-c", ENQUEUE, **environment)
    assert enqueue.process.wait(60) == 0, enqueue.words
    assert "open on postgres" in enqueue.words
    assert "refused: A transaction is open on default" in enqueue.words
    assert "transaction.atomic(using='tasks')" in enqueue.words
    eventually(lambda: sorted(notes()) == WRITTEN, seconds=120)
    eventually(lambda: TaskRow.objects.count() == 2 == TaskRow.objects.filter(state=4).count())
    assert {row.reason for row in TaskRow.objects.all()} == {"error", "crashes"}
    replay = start("-m", "durable_shop.manage", "failed", "replay", "--reason", "error",
                   "--by", "pat", **environment)  # fmt: skip
    assert replay.process.wait(60) == 0, replay.words
    eventually(lambda: TaskRow.objects.filter(state=4, failures=2).exists())
    assert sorted(notes()) == WRITTEN
    for process in (relay, worker):
        assert "does not exist" not in process.words
