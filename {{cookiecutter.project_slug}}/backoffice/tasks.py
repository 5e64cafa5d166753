"""The slow tasks of the back office, all on queue `admin`."""

from backoffice.indexing import rebuild_index
from backoffice.marking import mark_customers
from backoffice.models import CustomerIndex, IndexRebuild
from config.celery import app

# Enqueued at a time. The task for the next thousand waits behind these, so that the broker holds
# about a thousand messages of a rebuild, however many customers there are.
CUSTOMERS_A_CHUNK = 1000


@app.task(name="backoffice.start_rebuild", queue="admin")
def start_rebuild(rebuild_id: int, after_customer_id: int = 0) -> None:
    """Mark all customers, then enqueue a task for each of the next thousand, then itself.

    Duplicate: what is done is not enqueued again, what is enqueued twice is done once. Crash:
    what was enqueued runs; without a second delivery the rest waits until staff start anew.
    """
    running = IndexRebuild.objects.running().filter(pk=rebuild_id)
    if not running.exists():
        return
    mark_customers(rebuild_id)
    chunk = _awaited_customers(rebuild_id, after_customer_id)
    for customer_id in chunk:
        rebuild_customer_index.delay(rebuild_id, customer_id)
    if len(chunk) == CUSTOMERS_A_CHUNK:
        start_rebuild.delay(rebuild_id, chunk[-1])
    running.finish_complete()  # there may be no customer at all


@app.task(name="backoffice.rebuild_customer_index", queue="admin")
def rebuild_customer_index(rebuild_id: int, customer_id: int) -> None:
    """Rebuild one customer's index; the last one ends the rebuild.

    Duplicate: harmless, and it ends the rebuild where a crash came between the two.
    """
    rebuild_index(rebuild_id, customer_id)
    IndexRebuild.objects.filter(pk=rebuild_id).finish_complete()


def _awaited_customers(rebuild_id: int, after_customer_id: int) -> list[int]:
    awaited = CustomerIndex.objects.filter(
        awaited_by=rebuild_id, customer_id__gt=after_customer_id
    ).order_by("customer_id")
    return list(awaited.values_list("customer_id", flat=True)[:CUSTOMERS_A_CHUNK])
