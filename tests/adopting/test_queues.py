"""A running project takes up the list of queues as its page says, with tasks in flight."""

from collections.abc import Callable

import pytest

from tests.servers import eventually

from .conftest import Project

LOST = """
from oldshop.celery import app
@app.task
def lost():
    pass
app.finalize()
"""


def test_what_lies_in_the_old_queue_is_done_and_back_again(
    old_project: Callable[..., Project],
) -> None:
    project = old_project("queues.md")
    expected: list[str] = []

    def enqueue(name: str) -> None:
        project.run(
            f"from oldshop.tasks import write, rebuild; write.delay('w {name}'); "
            f"rebuild.delay('r {name}')"
        )
        expected.extend((f"w {name}", f"r {name}"))

    def all_done() -> bool:
        return project.notes() == sorted(expected)

    enqueue("before")  # on the broker, and no worker runs
    project.copy("queues")
    project.at(1)
    enqueue("with the list")
    workers = [project.worker(name) for name in ("celery", "writing", "admin")]
    eventually(all_done)

    project.stop(workers[0])
    enqueue("in flight on the old one")
    project.at(2)
    enqueue("each on its own")
    eventually(lambda: {"w each on its own", "r each on its own"} <= set(project.notes()))
    assert "w in flight on the old one" not in project.notes()
    old = project.worker("celery")
    eventually(all_done)

    project.stop(old, *workers[1:])
    enqueue("in flight on the new ones")
    project.at(1)  # back
    enqueue("on the old one again")
    workers = [project.worker(name) for name in ("celery", "writing", "admin")]
    eventually(all_done)

    project.stop(*workers)
    project.at(3)
    with pytest.raises(AssertionError, match="names no queue"):
        project.run(LOST)
    enqueue("without the old one")
    project.worker("writing")
    project.worker("admin")
    eventually(all_done)
