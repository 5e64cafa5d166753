"""A stock Celery app in a Django project that has durable tasks: its base, its consumer."""

import os
import time

from celery import Celery
from celery.exceptions import Reject

app = Celery("stock", broker=os.environ.get("DURABLE_TEST_BROKER"), set_as_current=False)
app.conf.update(
    task_default_queue="stock", task_ignore_result=True, broker_connection_retry_on_startup=True
)


@app.task(name="stock.ends", shared=False)
def ends(how):
    """End badly."""
    if how == "raise":
        raise ValueError("stock")
    if how == "reject":
        raise Reject(ValueError("not mine"), requeue=False)


@app.task(name="stock.overruns", time_limit=1, shared=False)
def overruns(how):
    """Take too long."""
    time.sleep(600)
