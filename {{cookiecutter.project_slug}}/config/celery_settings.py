"""Celery's settings for the shop, each with its reason.

Celery ignores a name that it does not know, so a system check (`shop.E006`) refuses a typo.
"""

from typing import Any

from django.conf import settings

from config.queues import SHOP, VISIBILITY_TIMEOUT_SECONDS

broker_url = settings.BROKER_URL
# A worker has time, and a connection given up costs it the acknowledgment of what it runs.
WORKER_SOCKET_TIMEOUT_SECONDS = 5
# A refused connection answers at once; these bound a server that is frozen or far away, for whom a
# request waits: measured 3 s for the first, 1 s for those after it.
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
# One publication is tried once more: a request must not wait for a broker.
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

# Acknowledged at the end: a task whose worker dies comes back. Bodies are idempotent.
task_acks_late = True
# A killed child: Celery's own endless redelivery stays off, the base task counts its crashes.
task_reject_on_worker_lost = False
task_retry_on_worker_lost = True
# With late acknowledgment a worker would reserve one more task and hold it behind a slow one.
worker_prefetch_multiplier = 1

# For Flower.
task_send_sent_event = True
worker_send_task_events = True

beat_scheduler = "config.beat:ShopScheduler"
# Intervals, in seconds, which begin with beat's start: a daily one would never come where somebody
# deploys daily. An entry removed here is removed from the database too, by the scheduler.
beat_schedule: dict[str, dict[str, Any]] = {
    "queued_mail.delete_sent": {"task": "queued_mail.delete_sent", "schedule": 3600},
    "idempotency.delete_recorded": {"task": "idempotency.delete_recorded", "schedule": 3600},
    "config.clear_sessions": {"task": "config.clear_sessions", "schedule": 3600},
}
# There are no results to clean up: without this, beat would send `celery.backend_cleanup`.
result_expires = None
# Seconds that running tasks get at a SIGTERM; then they are handed back to the queue, which takes
# a second or two more. honcho kills after 5, so 2; where the platform waits longer (Docker: 10,
# Kubernetes: 30), raise it.
worker_soft_shutdown_timeout = settings.WORKER_SHUTDOWN_SECONDS
# Also when nothing runs: retries that wait in the worker's memory are handed back as well.
worker_enable_soft_shutdown_on_idle = True

timezone = "UTC"
