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
    workers = {process.name: process.line for process in QUEUES.processes()}
    assert list(workers) == ["worker_mail", "worker_slow_work"]
    assert " -A config worker -Q mail -n mail@%h -c 1 " in workers["worker_mail"]
    assert " -A other.celery worker -Q slow_work " in workers["worker_slow_work"]
    assert " -c 3 " in workers["worker_slow_work"]


def test_a_worker_hands_back_what_it_runs_when_it_is_stopped() -> None:
    for process in QUEUES.processes():
        assert process.environment == {"REMAP_SIGTERM": "SIGQUIT"}
        assert process.line == f"env REMAP_SIGTERM=SIGQUIT {process.command}"


def test_what_a_platform_must_know_of_a_worker_is_told_to_it() -> None:
    first, _ = QUEUES.processes(stop_seconds=30, deployed_environment={"SECONDS": "20"})
    assert first.stop_seconds == 30
    assert first.deployed == {"REMAP_SIGTERM": "SIGQUIT", "SECONDS": "20"}
    assert "SECONDS" not in first.line


def test_a_worker_with_more_processes_is_given_more_memory() -> None:
    one, three = QUEUES.processes()
    assert three.memory_mb - one.memory_mb == 100
    assert three.limit_mb - three.memory_mb == 300


@pytest.mark.parametrize("pool", ["solo", "threads"])
def test_another_pool_is_in_the_command(pool: Any) -> None:
    queue = Queue(name="mail", why="a reason", pool=pool)
    assert f" -n mail@%h --pool {pool} -c 1 " in queue.command
    assert not queue.enforces_time_limits


def test_prefork_is_the_pool_of_whoever_names_none_and_ends_a_task_at_its_limit() -> None:
    queue = Queue(name="mail", why="a reason")
    assert queue.pool == "prefork"
    assert queue.enforces_time_limits
    assert "--pool" not in queue.command


def test_a_pool_that_does_not_exist_or_keeps_no_promise_is_refused() -> None:
    wrong: Any = "gevent"
    with pytest.raises(ValueError, match="'mail': pool is one of prefork, solo, threads, not 'gev"):
        Queue(name="mail", why="a reason", pool=wrong)


def test_a_solo_pool_for_several_tasks_at_once_is_refused() -> None:
    with pytest.raises(ValueError, match="'mail': the solo pool runs one task at a time, not 2"):
        Queue(name="mail", why="a reason", pool="solo", concurrency=2)


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
