"""The Celery app of the tests."""

import os
import warnings

from celery.exceptions import CDeprecationWarning, SecurityWarning

from patterns.durable_tasks.app import DurableCelery

# Celery 5.7 would have queues in `task_routes` alone; that is the project's choice, not a fault.
warnings.filterwarnings("ignore", r"\s*The 'queue' task attribute", CDeprecationWarning)
# Containers run tests as root.
warnings.filterwarnings("ignore", "You're running the worker with superuser", SecurityWarning)

app = DurableCelery(
    "durable_shop", task_cls="patterns.durable_tasks.task:DurableTask", set_as_current=False
)
app.conf.update(
    broker_url=os.environ.get("DURABLE_TEST_BROKER", "redis://127.0.0.1:1/0"),
    task_default_queue="default",
    task_ignore_result=True,
    result_backend=os.environ.get("DURABLE_TEST_RESULTS"),
    CELERY_DB_REUSE_MAX=10_000,
    broker_connection_retry_on_startup=True,
    broker_transport_options={
        "visibility_timeout": 3600,
        "socket_timeout": 2,
        "socket_connect_timeout": 2,
        "max_retries": 1,
        "interval_start": 0,
    },
    worker_prefetch_multiplier=1,
    worker_soft_shutdown_timeout=0.5,
    worker_enable_soft_shutdown_on_idle=True,
)
app.autodiscover_tasks(["durable_shop"])
app.autodiscover_tasks(["durable_shop"], related_name="ends")
app.autodiscover_tasks(["durable_shop"], related_name="plain_ends")
app.autodiscover_tasks(["durable_shop"], related_name="befores")
