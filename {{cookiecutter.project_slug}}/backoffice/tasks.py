"""The slow tasks of the back office, all on queue `admin`."""

from typing import Any

from backoffice.indexing import rebuild_index
from backoffice.marking import mark_customers
from backoffice.models import CustomerIndex, IndexRebuild
from config.celery import app

# Enqueued at a time, in one statement. The task for the next thousand waits behind these, so that
# a rebuild has about a thousand rows, however many customers there are.
CUSTOMERS_A_CHUNK = 1000


# Not atomic: that a customer was deleted meanwhile is found by the marks' own commit.
@app.task(name="backoffice.start_rebuild", queue="admin", atomic=False)
def start_rebuild(rebuild_id: int, after_customer_id: int = 0) -> None:
    """Mark all customers, then enqueue a task for each of the next thousand, then itself.

    Crash: the marks stay, and a second run enqueues; a thousand is enqueued whole or not at all.
    Duplicate: what is done is not enqueued again, what is enqueued twice is done once.
    """
    running = IndexRebuild.objects.running().filter(pk=rebuild_id)
    if not running.exists():
        return
    mark_customers(rebuild_id)
    chunk = _awaited_customers(rebuild_id, after_customer_id)
    with start_rebuild.completing():  # type: ignore[attr-defined]  # stubs: Celery's base alone
        enqueue_many: Any = rebuild_customer_index.enqueue_many  # type: ignore[attr-defined]
        enqueue_many([((rebuild_id, pk), {}) for pk in chunk])
        if len(chunk) == CUSTOMERS_A_CHUNK:
            start_rebuild.delay(rebuild_id, chunk[-1])
        running.finish_complete()  # there may be no customer at all


# Not atomic: slow work holds no transaction open, and of the last two tasks at the same moment one
# must see what the other has committed.
@app.task(name="backoffice.rebuild_customer_index", queue="admin", atomic=False)
def rebuild_customer_index(rebuild_id: int, customer_id: int) -> None:
    """Rebuild one customer's index; the last one ends the rebuild.

    Crash or duplicate: harmless, and the second run ends the rebuild.
    """
    rebuild_index(rebuild_id, customer_id)
    with rebuild_customer_index.completing():  # type: ignore[attr-defined]
        IndexRebuild.objects.filter(pk=rebuild_id).finish_complete()


def _awaited_customers(rebuild_id: int, after_customer_id: int) -> list[int]:
    awaited = CustomerIndex.objects.filter(
        awaited_by=rebuild_id, customer_id__gt=after_customer_id
    ).order_by("customer_id")
    return list(awaited.values_list("customer_id", flat=True)[:CUSTOMERS_A_CHUNK])
