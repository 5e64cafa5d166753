"""The shop's Celery app and one more task, for a worker that a test starts."""

import os
from pathlib import Path

from django.db import transaction

from config.celery import app


@app.task(
    name="tests.fail_once_in_a_transaction", queue="admin", bind=True, backoff_base_seconds=0.1
)
def fail_once_in_a_transaction(self) -> None:  # type: ignore[no-untyped-def]
    """Ask for a retry inside a transaction, which then rolls back."""
    runs = Path(os.environ["RUNS"])
    with transaction.atomic():
        if not runs.exists():
            runs.write_text("failed\n")
            raise self.retry(exc=ConnectionError("away"))
    runs.write_text("failed\nsucceeded\n")
