"""Beat with entries for the tests: `celery -A durable_shop.beat beat`."""

import json
import os
from datetime import UTC, datetime

from celery.beat import PersistentScheduler

from durable_shop.celery import app
from patterns.durable_tasks.scheduler import DurableScheduler


class ShopScheduler(DurableScheduler, PersistentScheduler):
    """Celery's own scheduler, made durable."""


app.conf.beat_scheduler = ShopScheduler
# {"name": {"task": ..., "schedule": seconds, "args": [...]}}; all are long due.
app.conf.beat_schedule = {
    name: {"last_run_at": datetime(2020, 1, 1, tzinfo=UTC), **entry}
    for name, entry in json.loads(os.environ.get("DURABLE_TEST_BEAT", "{}")).items()
}
