"""The shop's own alarms, of its tasks, queues and broker. FAILURE_CHECKS names them."""

from collections.abc import Iterator
from datetime import UTC

from django.conf import settings

from config.celery import app
from config.queues import SHOP
from patterns.durable_tasks.figures import QueueFigures, failed_by_name, figures
from patterns.failure_check import brokers, signs
from patterns.failure_check.problem import Problem, duration
from patterns.queues import Queue

# A few are somebody's bad luck; these are an outage, and told anew.
MANY_FAILED = 10
# Further names, of which there may be thousands, are one problem together.
MOST_NAMES = 20
REPAIR = (
    "See why, at Failed tasks in the admin or with `manage.py failed list --group`; repair it, then"
    " replay or discard them."
)


def failed_tasks() -> Iterator[Problem]:
    """Find tasks that have failed, by name; plain ones, and those of other apps, too."""
    found = failed_by_name()
    for each in found[:MOST_NAMES]:
        name = each.name or "(unreadable)"
        tasks = "task has" if each.count == 1 else "tasks have"
        yield Problem(
            name=f"failed:{name}",
            severity="critical" if each.count >= MANY_FAILED else "warning",
            sentence=f"{each.count:,} {tasks} failed: {name}, the newest at"
            f" {each.newest.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC.",
            remedy=REPAIR,
        )
    if rest := found[MOST_NAMES:]:
        count = sum(each.count for each in rest)
        yield Problem(
            name="failed",
            severity="critical",
            sentence=f"{count:,} tasks of {len(rest):,} more names have failed.",
            remedy=REPAIR,
        )


def queues() -> Iterator[Problem]:
    """Find queues of the shop that fall behind, have no worker, or fill up."""
    served, counted = signs.served_queues(), figures()
    for queue in SHOP:
        numbers = counted.get(queue.name, QueueFigures())
        yield from late(queue, numbers)
        # Not at once: a worker that is started again is back sooner.
        if numbers.oldest_due_seconds > settings.FAILURE_CHECK_WORKER_SILENCE_SECONDS:
            yield from unserved(queue, numbers.waiting or 1, served)
        yield from filling(queue, numbers.rows, numbers.cap)


def shop_broker() -> Iterator[Problem]:
    """Find what is wrong with the shop's broker."""
    yield from brokers.problems(app, "the shop")


def gauges() -> dict[str, float]:
    """Return the numbers of which a chart is kept."""
    numbers: dict[str, float] = {}
    counted = figures()
    for name, queue in counted.items():
        numbers[f"waiting:{name}"] = queue.waiting
        numbers[f"running:{name}"] = queue.running
        numbers[f"oldest_due_seconds:{name}"] = queue.oldest_due_seconds
    numbers["failed"] = sum(queue.failed for queue in counted.values())
    return numbers


def late(queue: Queue, numbers: QueueFigures) -> Iterator[Problem]:
    """Find that a queue's oldest due task has waited longer than its latency."""
    if numbers.oldest_due_seconds <= queue.latency_seconds:
        return
    remedy = (
        f"It is paused: `manage.py task_queues resume {queue.name}`, once what it was paused for is"
        " done."
        if numbers.is_paused
        else f"See whether {queue.process} and the relay run, and what that worker does so long;"
        " give it more processes (`concurrency` in config/queues.py) where it is merely busy."
    )
    yield Problem(
        name=f"queue_late:{queue.name}",
        severity="warning" if numbers.is_paused else "critical",
        sentence=f"Queue {queue.name} is late: its oldest task has waited for"
        f" {duration(numbers.oldest_due_seconds)}, of {duration(queue.latency_seconds)} at most;"
        f" {numbers.waiting:,} wait.",
        remedy=remedy,
    )


def unserved(queue: Queue, waiting: int, served: set[str]) -> Iterator[Problem]:
    """Find that tasks wait and no worker takes from their queue."""
    if waiting and queue.name not in served:
        yield Problem(
            name=f"no_worker:{queue.name}",
            severity="critical",
            sentence=f"Queue {queue.name} has no worker, and {waiting:,} tasks wait.",
            remedy=f"Start the process {queue.process}: {queue.command}",
        )


def filling(queue: Queue, rows: int, cap: int) -> Iterator[Problem]:
    """Find that a queue has half as many tasks as it may have, or more."""
    if 2 * rows >= cap:
        then = "takes no more" if queue.at_cap == "refuse" else "goes on, and fills its server"
        yield Problem(
            name=f"queue_full:{queue.name}",
            severity="critical" if rows >= cap else "warning",
            sentence=f"Queue {queue.name} has {rows:,} tasks of the {cap:,} it may have;"
            f" at its cap it {then}.",
            remedy=f"See whether {queue.process} runs and keeps up; `manage.py tasks cancel` takes"
            " out what need not be done any more.",
        )
