"""The task: delete the records of effects that nobody will ask about again."""

from typing import Any

from celery import shared_task
from django.db import connections, router

from . import configuration
from .models import Effect

# One statement deletes so many rows, so that no transaction is long.
DELETED_AT_ONCE = 1000
# ANY(ARRAY()): with IN the planner may read the whole table. statement_timestamp(): the index does
# not serve a comparison with clock_timestamp(), which changes from row to row.
DELETE = """
DELETE FROM idempotency_effect WHERE key = ANY(ARRAY(
    SELECT key FROM idempotency_effect
    WHERE recorded_at < statement_timestamp() - %s * interval '1 day'
    ORDER BY recorded_at LIMIT %s
))
"""


# A base task that would run the body in one transaction is told not to.
OPTIONS: dict[str, Any] = {"ignore_result": True, "atomic": False}


@shared_task(name="idempotency.delete_recorded", queue=configuration.queue(), **OPTIONS)
def delete_recorded() -> None:
    """Delete what was recorded more than IDEMPOTENCY_KEEP_DAYS ago; the unrecorded stays.

    Crash or duplicate: what is left is deleted by the next run.
    """
    with connections[router.db_for_write(Effect)].cursor() as cursor:
        while True:
            cursor.execute(DELETE, [configuration.keep_days(), DELETED_AT_ONCE])
            if cursor.rowcount < DELETED_AT_ONCE:
                return
