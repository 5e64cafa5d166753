"""The base of the analysts' tasks."""

from config.log_context import CarriesRequestId
from patterns.durable_tasks.task import DurableTask


class EventTask(CarriesRequestId, DurableTask):
    """A plain Celery task: an event may be lost, and a flood of them shall not be rows.

    One that fails is a failed task in the shop's database all the same, with its arguments, and can
    be replayed: that is what this base is for. Crash of its worker: the event is lost.
    """

    abstract = True
    durable = False
