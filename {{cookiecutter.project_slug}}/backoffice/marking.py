"""Mark every customer as awaited by a rebuild."""

from django.db import IntegrityError, transaction

from backoffice.customers import customers
from backoffice.models import CustomerIndex, IndexRebuild
from patterns.retrying_task import TransientError

ROWS_A_STATEMENT = 1000  # keeps one INSERT well below PostgreSQL's 65,535 parameters


def mark_customers(rebuild_id: int) -> None:
    """Mark the customers and note how many there are, once; later calls do nothing.

    Rollback or crash: nothing is marked. Raises TransientError where a customer was deleted
    between the look and the commit: the next attempt looks again.
    """
    try:
        with transaction.atomic():
            # The lock lets a duplicate wait here until the first has noted the number.
            rebuild = IndexRebuild.objects.select_for_update().get(pk=rebuild_id)
            if rebuild.customer_count is None:
                rebuild.customer_count = _mark_all(rebuild)
                rebuild.save(update_fields=["customer_count"])
    except IntegrityError as error:
        raise TransientError("a customer was deleted while all were being marked") from error


def _mark_all(rebuild: IndexRebuild) -> int:
    CustomerIndex.objects.exclude(customer__in=customers()).delete()  # became staff since
    ids = customers().order_by("pk").values_list("pk", flat=True)
    rows = [CustomerIndex(customer_id=pk, awaited_by=rebuild) for pk in ids]
    CustomerIndex.objects.bulk_create(
        rows,
        batch_size=ROWS_A_STATEMENT,
        update_conflicts=True,
        unique_fields=["customer"],
        update_fields=["awaited_by"],
    )
    return len(rows)
