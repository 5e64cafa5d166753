"""Celery's settings for the shop, each with its reason.

Celery ignores a name that it does not know: a system check (`retrying_task.E009`) refuses a typo.
"""

from typing import Any

from django.conf import settings

from config.queues import SHOP, VISIBILITY_TIMEOUT_SECONDS

broker_url = settings.BROKER_URL
# A worker has time, and to connect anew costs it the messages that it has taken and not begun.
WORKER_SOCKET_TIMEOUT_SECONDS = 5
# A durable task needs no broker to be enqueued. What follows bounds the wait of whoever publishes a
# plain one (`durable = False`) to a frozen server: measured 3 s for the first, 1 s after it.
broker_transport_options: dict[str, Any] = {
    "visibility_timeout": VISIBILITY_TIMEOUT_SECONDS,
    "socket_connect_timeout": 1,
    "socket_timeout": 1,
    # kombu's own loop around a publication: one more try at once, no sleep.
    "max_retries": 1,
    "interval_start": 0,
    "interval_step": 0,
    "interval_max": 0,
}
broker_connection_timeout = 1
# A plain task's publication is tried once more, and then its caller told.
task_publish_retry_policy = {"max_retries": 1, "interval_start": 0, "interval_step": 0}
# A worker never gives up its broker; the default ends it after 100 tries, and honcho does not
# start it again.
broker_connection_retry_on_startup = True
broker_connection_max_retries = None

globals().update(SHOP.celery_settings(default="default"))

task_serializer = "json"
result_serializer = "json"
accept_content = ["json"]
task_ignore_result = True

# What a worker's main process does with a message that cannot become a task: a failed row.
worker_consumer = "patterns.durable_tasks.consumer:DurableConsumer"
# Celery closes the database's connection before and after each task, which costs a worker three
# quarters of its speed; here, after so many tasks. A broken one is found by the claim, which every
# durable task begins with. (Celery looks for it here, among its own settings.)
CELERY_DB_REUSE_MAX = 10_000

# Of a plain task only, whose message is all there is: acknowledged at the end, so that one whose
# worker dies comes back. A durable task's message is a hint, acknowledged when it begins.
task_acks_late = True
# A killed child: Celery's own endless redelivery stays off, the base task counts its crashes.
task_reject_on_worker_lost = False
task_retry_on_worker_lost = True
# A worker takes one message more than it runs, and no pile of them. Behind a slow task that one
# waits until its publication's lease ends (30 s); then any worker of the queue may have it.
worker_prefetch_multiplier = 1

# For Flower: what workers take and how it ends. What waits is in the database, not sent yet.
worker_send_task_events = True

beat_scheduler = "config.beat:ShopScheduler"
# Intervals, in seconds, which begin with beat's start: a daily one would never come where somebody
# deploys daily. An entry removed here is removed from the database too, by the scheduler.
beat_schedule: dict[str, dict[str, Any]] = {
    "queued_mail.delete_sent": {"task": "queued_mail.delete_sent", "schedule": 3600},
    "idempotency.delete_recorded": {"task": "idempotency.delete_recorded", "schedule": 3600},
    "config.clear_sessions": {"task": "config.clear_sessions", "schedule": 3600},
    "durable_tasks.delete_old_firings": {
        "task": "durable_tasks.delete_old_firings",
        "schedule": 3600,
    },
    "durable_tasks.delete_old_history": {
        "task": "durable_tasks.delete_old_history",
        "schedule": 3600,
    },
}
# There are no results to clean up: without this, beat would send `celery.backend_cleanup`.
result_expires = None
# Seconds that running tasks get at a SIGTERM; then their rows are put back, which takes a second
# or two more. honcho kills after 5, so 2; where the platform waits longer (Docker: 10,
# Kubernetes: 30), raise it.
worker_soft_shutdown_timeout = settings.WORKER_SHUTDOWN_SECONDS
# Also when nothing runs: plain tasks that wait in the worker's memory for their time are handed
# back to the broker as well.
worker_enable_soft_shutdown_on_idle = True

timezone = "UTC"
