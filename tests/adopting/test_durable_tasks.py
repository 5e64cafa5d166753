"""A running project takes up durable_tasks as its page says, with tasks in flight, and back."""

from collections.abc import Callable

from tests.servers import eventually

from .conftest import Project

ENQUEUE = "from oldshop.tasks import write; [write.delay(f'{name} {{n}}') for n in range(3)]"
UNDONE = """
from django.db import transaction
from oldshop.tasks import write
with transaction.atomic():
    write.delay("undone")
    transaction.set_rollback(True)
"""


def test_step_by_step_and_back_again_nothing_is_lost_or_done_twice(
    old_project: Callable[..., Project],
) -> None:
    project = old_project("durable_tasks.md")
    expected: list[str] = []

    def enqueue(name: str) -> None:
        project.run(ENQUEUE.format(name=name))
        expected.extend(f"{name} {n}" for n in range(3))

    def all_done() -> bool:
        return project.notes() == sorted(expected)

    enqueue("before")  # on the broker, and no worker runs

    old = project.worker()
    project.copy("durable_tasks")
    project.at(1)
    project.python("manage.py", "migrate", "durable_tasks", "-v0")
    enqueue("by the new to the old")
    eventually(all_done)
    project.stop(old)
    project.at(0)
    enqueue("by the old to the new")
    project.at(1)
    enqueue("plain, in flight")
    assert project.sql("SELECT count(*) FROM durable_tasks_task") == [(0,)]

    relay = project.start("manage.py", "relay", ready="relay: publishing")
    project.at(3)
    enqueue("durable")
    project.run(UNDONE)
    assert project.sql("SELECT count(*) FROM durable_tasks_task") == [(3,)]
    new = project.worker()
    eventually(all_done)
    eventually(lambda: project.sql("SELECT count(*) FROM durable_tasks_task") == [(0,)])

    project.stop(new)
    enqueue("durable, waiting")
    project.at(2)  # durable=False again
    enqueue("plain again")
    again = project.worker()
    eventually(all_done)
    eventually(lambda: "[]" in project.python("manage.py", "tasks", "list", "--json"))
    project.stop(relay, again)

    enqueue("in flight, and the pattern goes")
    project.python("manage.py", "migrate", "durable_tasks", "zero", "-v0")
    project.at(0)
    project.worker()
    eventually(all_done)
