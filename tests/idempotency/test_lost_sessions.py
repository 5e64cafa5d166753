"""A session with the database ends at each of the ledger's statements in turn."""

import pytest
from django.db import InterfaceError, OperationalError, transaction

from patterns.idempotency import ledger
from patterns.idempotency.models import Effect
from tests.lost_sessions import WHEN, Fault, faults


@pytest.mark.parametrize("when", WHEN)
def test_a_session_that_ends_at_any_statement_leaves_one_key_and_one_record(
    when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next run of the same task goes on at once: it waits for no lease."""
    for fault in faults(monkeypatch, when, fewest=6):
        key = f"order-{fault.at}"
        asked: list[str] = []
        while not is_done(key, asked, fault):
            assert len(asked) < 3
        assert set(asked) == {key}
        row = Effect.objects.get(key=key)
        assert row.result == '"ch_1"'
        # One that was taken and not answered counts: whether it came to the far side, nobody knows.
        assert row.attempts - len(asked) in (0, 1), f"at statement {fault.at}"


def is_done(key: str, asked: list[str], fault: Fault) -> bool:
    """Run the task once; tell whether it has ended well."""
    try:
        with fault.armed(), ledger.effect(key, keeps_key_hours=24, holder="one task") as effect:
            if not effect.is_recorded:
                asked.append(effect.key)
                with transaction.atomic():
                    effect.record("ch_1")
    except (OperationalError, InterfaceError):
        return False
    return True
