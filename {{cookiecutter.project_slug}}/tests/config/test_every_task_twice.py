"""Rule 4, all tasks are idempotent: each is run again after it succeeded, and does nothing more.

A task without a sample fails here, and says which lines to add to `samples.py`.
"""

import pytest
from pytest_django import Settings

from analytics.celery import app as analytics  # analytics
from config.celery import app as shop
from patterns.durable_tasks.every_task import Case, cases
from tests.config.samples import SAMPLES

APPS = [
    shop,
    analytics,  # analytics
]


# Not in a test's transaction: what a task does when its own has committed counts too.
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("case", cases(APPS, SAMPLES, where="tests/config/samples.py"), ids=str)
def test_a_second_run_changes_nothing_and_contacts_nobody(
    case: Case, request: pytest.FixtureRequest, settings: Settings
) -> None:
    settings.EMAIL_BACKEND = "patterns.queued_mail.backend.EmailBackend"  # as in production
    case.run(request.getfixturevalue)
