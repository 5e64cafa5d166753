"""In a generated shop, the session with PostgreSQL ends at each statement of a purchase in turn."""

import shutil
from collections.abc import Callable
from pathlib import Path

from .test_analytics_removal import project_run

HELPER = Path(__file__).parent.parent / "lost_sessions.py"
TESTS = '''"""A purchase costs one charge, one pack-in and one mail, whatever is cut off."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection

from config.celery import app
from development.testing import PaymentProvider
from patterns.durable_tasks import claim, settle
from patterns.durable_tasks.models import State, TaskRow
from patterns.durable_tasks.run import Run
from patterns.queued_mail import ending
from patterns.queued_mail.models import QueuedMail
from purchases.models import Order
from tests.purchases.lost_sessions import WHEN, Fault, faults


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("queued_mail_backend", "broker_url")
@pytest.mark.parametrize("when", WHEN)
def test_a_purchase_is_charged_packed_and_mailed_once(
    when: str,
    placed: Callable[[], Order],
    payment_provider: PaymentProvider,
    smtp_server: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in (claim, settle, ending):
        monkeypatch.setattr(module, "PAUSE_SECONDS", 0)
    for fault in faults(monkeypatch, when, fewest=30):
        order = placed()
        work_off(fault)
        order.refresh_from_db()
        told = f"at statement {fault.at}"
        charges = payment_provider.charges()["charges"]
        mine = [each["id"] for each in charges if each["reference"] == str(order.id)]
        assert mine == [order.charge_id], told
        assert order.packed_at, told
        assert order.mailed_at, told
        mails = [each.content.decode() for each in smtp_server.messages]
        assert sum(str(order.confirmation_message_id) in each for each in mails) == 1, told
        assert not TaskRow.objects.exists(), told
        assert not QueuedMail.objects.waiting().exists(), told


def work_off(fault: Fault) -> None:
    """Run what is there, as workers do whose relay waits for nothing."""
    for _ in range(12):
        rows = list(TaskRow.objects.exclude(state=State.FAILED))
        for row in rows:
            run(row, fault)
        if not rows:
            return
    raise AssertionError(f"Not worked off: {list(TaskRow.objects.values())}")


def run(row: TaskRow, fault: Fault) -> None:
    publication = uuid4()
    TaskRow.objects.filter(pk=row.pk).update(
        state=State.PUBLISHED, publication=publication, claim=None, leased_until=None
    )
    task: Any = app.tasks[row.name]
    task.push_request(id=str(row.pk), args=(), kwargs={}, retries=0, called_directly=False)
    try:
        with fault.armed(), suppress(Exception):  # whatever it is, its row says it
            claimed = claim.claim(str(row.pk), str(publication), "test")
            if claimed is not None:
                task.run_claimed(Run(task, claimed, settle.write_fresh))
    finally:
        task.pop_request()
    connection.close_if_unusable_or_obsolete()
'''


def test_a_purchase_survives_a_session_that_ends_at_any_statement(
    make: Callable[[], Path],
) -> None:
    project = Path(make())
    shutil.copy(HELPER, project / "tests/purchases/lost_sessions.py")
    (project / "tests/purchases/test_lost_sessions.py").write_text(TESTS, "utf-8")
    assert "2 passed" in project_run(project, "tests/purchases/test_lost_sessions.py")
