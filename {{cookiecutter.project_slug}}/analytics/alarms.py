"""The alarms of the analysts' broker and queue. Their failed tasks are among the shop's."""

from collections.abc import Iterator

from analytics.celery import app
from config import alarms
from config.queues import ANALYTICS
from patterns.failure_check import brokers, signs
from patterns.failure_check.problem import Problem


def broker_and_queue() -> Iterator[Problem]:
    """Find what is wrong with the broker; that its queue fills up, or nobody empties it.

    Its tasks are plain: they wait at the broker, and nothing says since when.
    """
    found = list(brokers.problems(app, "analytics"))
    yield from found
    if any(problem.name.startswith("broker_down:") for problem in found):
        return
    served = signs.served_queues()
    for queue in ANALYTICS:
        waiting = brokers.depth(app, queue.name)
        yield from alarms.unserved(queue, waiting, served)
        yield from alarms.filling(queue, waiting, queue.cap)
