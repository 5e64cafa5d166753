"""The base of the analysts' tasks."""

from patterns.durable_tasks.task import DurableTask


class EventTask(DurableTask):
    """A plain Celery task: an event may be lost, and a flood of them shall not be rows.

    One that fails is a failed task in the shop's database all the same, with its arguments, and can
    be replayed: that is what this base is for. Crash of its worker: the event is lost.
    """

    abstract = True
    durable = False
