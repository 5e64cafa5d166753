"""Each misconfiguration has an id and a hint."""

from typing import Any

import pytest
from django.core.checks import run_checks


def found() -> dict[str, str]:
    messages = run_checks(tags=["idempotency"])
    assert all(message.hint for message in messages)
    return {str(message.id): message.msg for message in messages}


def test_a_right_configuration_has_no_messages() -> None:
    assert found() == {}


def test_e001_a_setting_that_does_not_exist(settings: Any) -> None:
    settings.IDEMPOTENCY_KEEP_DAY = 1
    assert "IDEMPOTENCY_KEEP_DAY is no setting" in found()["idempotency.E001"]


@pytest.mark.parametrize("value", [0, -1, "10", None, True])
def test_e002_a_number_of_days_that_is_none(settings: Any, value: Any) -> None:
    settings.IDEMPOTENCY_KEEP_DAYS = value
    assert repr(value) in found()["idempotency.E002"]


def test_e003_an_empty_queue(settings: Any) -> None:
    settings.IDEMPOTENCY_QUEUE = ""
    assert list(found()) == ["idempotency.E003"]


def test_e004_a_database_that_is_not_postgresql(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("django.db.connection.vendor", "sqlite", raising=False)
    monkeypatch.setattr("django.db.backends.postgresql.base.DatabaseWrapper.vendor", "sqlite")
    assert list(found()) == ["idempotency.E004"]


def test_w001_records_that_are_deleted_before_a_person_replays(settings: Any) -> None:
    settings.IDEMPOTENCY_KEEP_DAYS = 1
    assert list(found()) == ["idempotency.W001"]
