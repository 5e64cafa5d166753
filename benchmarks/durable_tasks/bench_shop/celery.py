"""Two Celery apps with one configuration."""

import os
import struct
import time
import warnings

from celery import Celery
from celery.exceptions import CDeprecationWarning, SecurityWarning

from patterns.durable_tasks.app import DurableCelery

warnings.simplefilter("ignore", CDeprecationWarning)
# Containers run as root.
warnings.simplefilter("ignore", SecurityWarning)

stock = Celery("stock", set_as_current=False)
durable = DurableCelery(
    "durable", task_cls="patterns.durable_tasks.task:DurableTask", set_as_current=False
)
for app in (stock, durable):
    app.conf.update(
        broker_url=os.environ["BENCH_BROKER"],
        task_default_queue=app.main,
        task_ignore_result=True,
        broker_connection_retry_on_startup=True,
        broker_transport_options={"socket_timeout": 5, "socket_connect_timeout": 5},
        # As the generated shop has it: Celery's part for Django would connect anew for each task.
        # Read from the app's configuration alone.
        CELERY_DB_REUSE_MAX=10_000,
    )
durable.conf.worker_consumer = "patterns.durable_tasks.consumer:DurableConsumer"

# One write of eight or sixteen bytes to a file that all processes append to.
_LINES = os.open(os.environ["BENCH_LINES"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


def first_line(number: int) -> None:
    """Note when a task's first line ran."""
    os.write(_LINES, struct.pack("qq", number, time.time_ns()))


@stock.task(name="bench.stock", shared=False)
def stock_task(number: int) -> None:
    """Do nothing else."""
    first_line(number)


@durable.task(name="bench.durable", shared=False)
def durable_task(number: int) -> None:
    """Do nothing else."""
    first_line(number)
