"""What the ledger refuses reaches Celery's log and its result backend as what it is."""

from celery.utils.serialization import get_pickleable_exception

from patterns.idempotency.taking import in_progress


def test_celery_logs_the_error_of_a_run_in_progress_by_its_own_name() -> None:
    error = in_progress("order-1", 55.0)
    told = get_pickleable_exception(error)
    assert type(told) is type(error)
    assert (str(told), told.retry_after_seconds) == (str(error), 55.0)
