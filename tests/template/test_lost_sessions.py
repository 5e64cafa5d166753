"""In a generated shop, the session with PostgreSQL ends at each statement of a purchase in turn."""

import shutil
from collections.abc import Callable
from pathlib import Path

from .test_analytics_removal import project_run

TESTS_OF_THE_KIT = Path(__file__).parent.parent
HELPERS = ("lost_sessions.py", "durable_tasks/lost_runs.py")
PURCHASE = '''"""A purchase costs one charge, one pack-in and one mail, whatever is cut off."""

from collections.abc import Callable
from typing import Any

import pytest

from config.celery import app
from development.testing import PaymentProvider
from patterns.durable_tasks import claim, settle
from patterns.durable_tasks.models import TaskRow
from patterns.queued_mail import ending
from patterns.queued_mail.models import QueuedMail
from purchases.models import Order
from tests.durable_tasks.lost_runs import work_off
from tests.lost_sessions import WHEN, faults


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
        work_off(app, fault)
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
'''


def test_a_purchase_survives_a_session_that_ends_at_any_statement(
    make: Callable[[], Path],
) -> None:
    project = Path(make())
    (project / "tests/durable_tasks").mkdir()
    for helper in HELPERS:
        shutil.copy(TESTS_OF_THE_KIT / helper, project / "tests" / helper)
    (project / "tests/purchases/test_lost_sessions.py").write_text(PURCHASE, "utf-8")
    assert "2 passed" in project_run(project, "tests/purchases/test_lost_sessions.py")
