"""The pattern's own tasks, for beat."""

from celery import shared_task

from . import cleanup, configuration


# Not atomic: each thousand rows commit on their own, and a second run does no harm.
@shared_task(  # type: ignore[call-overload, untyped-decorator]  # the stubs know no `atomic`
    name="durable_tasks.delete_old_firings",
    queue=configuration.cleanup_queue(),
    ignore_result=True,
    atomic=False,
)
def delete_old_firings() -> None:
    """Delete old firings of beat, a day's worth at a time if it runs daily. Safe to run again."""
    cleanup.delete_old_firings()


@shared_task(  # type: ignore[call-overload, untyped-decorator]
    name="durable_tasks.delete_old_history",
    queue=configuration.cleanup_queue(),
    ignore_result=True,
    atomic=False,
)
def delete_old_history() -> None:
    """Delete what was discarded long ago, the events of tasks long gone, and results whose time is
    over; never a failed task. Safe to run again.
    """
    cleanup.delete_old_history()
    cleanup.delete_old_results()
