"""The one list of queues: nothing runs on a queue that is not in it."""

from collections.abc import Iterator
from typing import Any

import pytest
from celery import Celery
from celery.app import app_or_default
from celery.exceptions import QueueNotFound

from patterns.queues import Queue, QueueNotDeclared, Queues

# Celery 6 will want the queue from the routes alone; `queue_of_task` is such a route.
pytestmark = pytest.mark.filterwarnings(r"ignore:\s+The .queue. task attribute is deprecated")

QUEUES = Queues(
    Queue(name="mail", why="mails wait for mails alone"),
    Queue(name="slow_work", why="what starves the others", app="other.celery", concurrency=3),
)


@pytest.fixture
def app() -> Iterator[Celery]:
    with Celery("queues", broker="memory://", set_as_current=False) as celery_app:
        celery_app.conf.update(QUEUES.celery_settings(default="mail"))
        others = app_or_default()
        celery_app.set_current()
        yield celery_app
        others.set_current()


def define(app: Celery, **options: Any) -> Any:
    def body() -> None: ...

    task: Any = app.task(body, shared=False, **{"name": "shop.work", **options})
    task.name  # noqa: B018  has Celery bind it now
    return task


def received(app: Celery, queue: str) -> int:
    with app.connection_for_read() as connection:
        buffer = connection.SimpleQueue(app.amqp.queues[queue])
        count = int(buffer.qsize())
        buffer.clear()
        return count


def test_each_queue_has_a_worker_of_its_own() -> None:
    processes = QUEUES.processes()
    assert list(processes) == ["worker_mail", "worker_slow_work"]
    assert " -A config worker -Q mail -n mail@%h -c 1 " in processes["worker_mail"]
    assert " -A other.celery worker -Q slow_work " in processes["worker_slow_work"]
    assert " -c 3 " in processes["worker_slow_work"]


def test_a_task_goes_to_its_own_queue_by_delay_and_by_name(app: Celery) -> None:
    task = define(app, queue="slow_work")
    task.delay()
    app.send_task("shop.work")
    assert received(app, "slow_work") == 2
    assert received(app, "mail") == 0


def test_the_caller_may_name_another_declared_queue(app: Celery) -> None:
    define(app, queue="slow_work").apply_async(queue="mail")
    assert received(app, "mail") == 1
    assert received(app, "slow_work") == 0


def test_a_task_unknown_here_goes_to_the_default_queue(app: Celery) -> None:
    app.send_task("somebody.elses")
    assert received(app, "mail") == 1


def test_celery_makes_no_queue_of_a_typo(app: Celery) -> None:
    task = define(app, queue="slow_work")
    with pytest.raises(QueueNotFound):
        task.apply_async(queue="mial")
    with pytest.raises(QueueNotFound):
        app.send_task("shop.work", queue="mial")


def test_each_queue_is_bound_by_its_own_key(app: Celery) -> None:
    assert {queue.routing_key for queue in app.amqp.queues.values()} == {"mail", "slow_work"}


def test_a_task_on_an_undeclared_queue_is_refused_and_the_declared_are_named(app: Celery) -> None:
    with pytest.raises(QueueNotDeclared, match=r"shop\.work names the queue 'mial'.*mail, slow_wo"):
        QUEUES.require_of(define(app, queue="mial"))


def test_a_task_that_names_no_queue_is_refused(app: Celery) -> None:
    with pytest.raises(QueueNotDeclared, match=r"shop\.work names no queue. Add queue=\.\.\."):
        QUEUES.require_of(define(app))


def test_celerys_own_tasks_need_name_none(app: Celery) -> None:
    QUEUES.require_of(app.tasks["celery.backend_cleanup"])


def test_the_default_queue_must_be_declared() -> None:
    with pytest.raises(QueueNotDeclared, match="task_default_queue names the queue 'celery'"):
        QUEUES.celery_settings(default="celery")


@pytest.mark.parametrize("name", ["", "Mail", "my queue", "mail;reboot", "mail,admin", "9mail"])
def test_a_name_that_a_shell_or_a_procfile_would_take_apart_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="use lower-case letters"):
        Queue(name=name, why="a reason")


def test_a_queue_says_why_it_exists() -> None:
    with pytest.raises(ValueError, match="'mail' does not say why it exists"):
        Queue(name="mail", why=" ")


def test_a_queue_without_processes_is_refused() -> None:
    with pytest.raises(ValueError, match="concurrency must be 1 or more"):
        Queue(name="mail", why="a reason", concurrency=0)


def test_each_queue_says_how_full_it_may_be_and_what_happens_then() -> None:
    queues = Queues(
        Queue(name="mail", why="mails wait for mails alone"),
        Queue(name="slow_work", why="what starves the others", cap=10, at_cap="refuse"),
    )
    assert queues.caps() == {
        "mail": {"cap": 1_000_000, "at_cap": "alarm"},
        "slow_work": {"cap": 10, "at_cap": "refuse"},
    }


@pytest.mark.parametrize("wrong", [{"cap": 0}, {"at_cap": "drop"}, {"latency_seconds": 0}], ids=str)
def test_a_bound_that_is_none_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"'mail': (cap|at_cap|latency_seconds)"):
        Queue(name="mail", why="mails wait for mails alone", **wrong)


def test_a_queue_declared_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="declared twice"):
        Queues(Queue(name="mail", why="one"), Queue(name="mail", why="two"))
