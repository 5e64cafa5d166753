"""Celery with a base task that retries soon, so that a test need not wait."""

import os
import warnings

from celery import Celery, Task
from celery.exceptions import CDeprecationWarning, SecurityWarning

# Celery 5.7 would have queues in `task_routes` alone; that is the project's choice, not a fault.
warnings.filterwarnings("ignore", r"\s*The 'queue' task attribute", CDeprecationWarning)
# Containers run tests as root.
warnings.filterwarnings("ignore", "You're running the worker with superuser", SecurityWarning)
IS_DURABLE = "QUEUED_MAIL_TEST_DURABLE" in os.environ


class RetryingTask(Task):
    """Retry what is not permanent: what the pattern asks of a project's base task."""

    abstract = True
    max_retries = 1  # a mail has its own end
    acks_late = True
    reject_on_worker_lost = True

    def __call__(self, *args, **kwargs):
        try:
            return self.run(*args, **kwargs)
        except Exception as error:
            if getattr(error, "is_permanent", True):
                raise
            raise self.retry(exc=error, countdown=0.3) from error


if IS_DURABLE:
    from patterns.durable_tasks.app import DurableCelery
    from patterns.durable_tasks.task import DurableTask

    class DurableRetryingTask(DurableTask, RetryingTask):
        """The same on a row, as the generated shop has it."""

        abstract = True

    app = DurableCelery("shop", task_cls=DurableRetryingTask)
else:
    app = Celery("shop", task_cls=RetryingTask)
app.conf.update(
    broker_url=os.environ.get("QUEUED_MAIL_TEST_BROKER", "redis://127.0.0.1:1/0"),
    task_default_queue="default",
    task_ignore_result=True,
    broker_connection_retry_on_startup=True,
    # One second, so that a message of a killed worker is seen again while a test looks on.
    broker_transport_options={
        "visibility_timeout": 3600 if IS_DURABLE else 2,
        "unacked_restore_interval": 1,
        "socket_timeout": 2,
        "socket_connect_timeout": 2,
        "max_retries": 1,
        "interval_start": 0,
    },
    worker_prefetch_multiplier=1,
    broker_heartbeat=1,
)
if IS_DURABLE:
    app.conf.update(worker_soft_shutdown_timeout=0.5, worker_enable_soft_shutdown_on_idle=True)
app.autodiscover_tasks()
