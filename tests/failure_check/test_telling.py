"""One path that fails, or hangs, stops no other, and is told again at the next run."""

import threading
from datetime import UTC, datetime
from typing import Any

import pytest

from patterns.failure_check import bounded, telling
from patterns.failure_check.records import Records, new
from tests.failure_check.conftest import __name__ as HERE
from tests.failure_check.conftest import mail_to, notified, problem
from tests.servers import SMTPServer, eventually

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
gate = threading.Event()


def fails(notice: Any) -> None:
    raise LookupError("the pager is away")


def hangs(notice: Any) -> None:
    gate.wait(60)


def fails_at_the_second(notice: Any) -> None:
    notified.append(notice)
    if len(notified) == 2:
        raise LookupError("too many")


late = threading.Event()


def is_slow(notice: Any) -> None:
    late.wait(60)
    notified.append(notice)


def raised(*names: str) -> Records:
    records = [new("taps", problem(name), NOW, telling.paths()) for name in names]
    return {record.name: record for record in records}


def test_it_is_told_by_mail_log_and_plug(
    smtp: SMTPServer, caplog: pytest.LogCaptureFixture
) -> None:
    records = raised("tap")
    telling.tell(records)
    assert len(smtp.mails) == 1
    assert [(each.name, each.event) for each in notified] == [("tap", "raised")]
    assert "Alarm (warning) tap: The tap drips. Turn it off." in caplog.text
    assert records["tap"].owed == []
    assert sorted(records["tap"].told) == sorted(telling.paths())


def test_what_it_logs_is_nothing_that_handlers_of_errors_mail(
    caplog: pytest.LogCaptureFixture,
) -> None:
    telling.tell({"tap": new("taps", problem(severity="critical"), NOW, telling.paths())})
    assert {record.levelname for record in caplog.records} == {"WARNING"}


def test_a_name_writes_no_line_of_its_own(caplog: pytest.LogCaptureFixture) -> None:
    telling.tell(raised("tap\nAll clear!"))
    assert len(notified) == 1
    assert [record.getMessage().count("\n") for record in caplog.records] == [0]


@pytest.mark.parametrize("bad", ["fails", "hangs"])
def test_a_path_that_fails_or_hangs_stops_no_other(
    bad: str, smtp: SMTPServer, settings: Any
) -> None:
    gate.clear()
    settings.FAILURE_CHECK_NOTIFY = [f"{__name__}.{bad}", f"{HERE}.notify"]
    settings.FAILURE_CHECK_TIMEOUT_SECONDS = 2
    records = raised("tap")
    telling.tell(records)
    gate.set()
    assert len(smtp.mails) == len(notified) == 1
    assert records["tap"].owed == [f"{__name__}.{bad}"]


def test_a_mail_server_that_is_away_is_tried_again(settings: Any) -> None:
    settings.ADMINS = ["ops@example.com"]
    mail_to(settings, 1)
    records = raised("tap")
    telling.tell(records)
    assert records["tap"].owed == ["mail"]
    assert len(notified) == 1


def test_what_a_path_took_before_it_failed_is_not_told_again(settings: Any) -> None:
    settings.FAILURE_CHECK_NOTIFY = [f"{__name__}.fails_at_the_second"]
    records = raised("tap", "pipe", "roof")
    telling.tell(records)
    assert [bool(record.owed) for record in records.values()] == [False, True, True]
    telling.tell(records)
    assert [each.name for each in notified] == ["tap", "pipe", "pipe", "roof"]


def test_a_path_that_is_configured_no_more_is_owed_nothing(settings: Any) -> None:
    records = raised("tap")
    settings.FAILURE_CHECK_NOTIFY = []
    telling.tell(records)
    assert records["tap"].owed == []


def test_a_path_that_takes_it_after_its_time_is_not_told_again(settings: Any) -> None:
    settings.FAILURE_CHECK_NOTIFY = (f"{__name__}.is_slow",)
    settings.FAILURE_CHECK_TIMEOUT_SECONDS = 0.2
    records = raised("tap")
    telling.tell(records)
    assert f"{__name__}.is_slow" in records["tap"].owed
    late.set()
    try:
        eventually(lambda: notified)
        eventually(lambda: not any(each.is_alive() for each in bounded._under_way.values()))
        telling.tell(records)
    finally:
        late.clear()
    assert len(notified) == 1
    assert f"{__name__}.is_slow" not in records["tap"].owed


def test_what_was_taken_late_and_has_changed_since_is_told_as_it_is(settings: Any) -> None:
    settings.FAILURE_CHECK_NOTIFY = (f"{__name__}.is_slow",)
    settings.FAILURE_CHECK_TIMEOUT_SECONDS = 0.2
    records = raised("tap")
    telling.tell(records)
    records["tap"].told.append(f"{__name__}.is_slow")
    records["tap"].clear(NOW, telling.paths())
    late.set()
    try:
        eventually(lambda: not any(each.is_alive() for each in bounded._under_way.values()))
        telling.tell(records)
    finally:
        late.clear()
    assert [each.event for each in notified] == ["raised", "cleared"]
