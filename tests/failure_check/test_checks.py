"""Each misconfiguration has an id and a hint."""

from pathlib import Path
from typing import Any

import pytest

from patterns.failure_check import checks


def ids() -> list[str | None]:
    return [message.id for message in checks.check_failure_check()]


def test_a_good_configuration_is_none() -> None:
    assert ids() == []


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("FAILURE_CHECK_PERIOD", 60, "failure_check.E001"),
        ("FAILURE_CHECK_PERIOD_SECONDS", 0, "failure_check.E002"),
        ("FAILURE_CHECK_FULL_SHARE", "0.8", "failure_check.E002"),
        ("FAILURE_CHECK_FULL_SHARE", True, "failure_check.E002"),
        ("FAILURE_CHECKS", ["no.such.check"], "failure_check.E003"),
        ("FAILURE_CHECK_NOTIFY", ["tests.failure_check.conftest.found"], "failure_check.E003"),
        ("FAILURE_CHECK_GAUGES", "gauges", "failure_check.E003"),
        ("FAILURE_CHECK_PING_URL", "hc-ping.com/1", "failure_check.E004"),
        ("FAILURE_CHECK_DATABASE", "other", "failure_check.E005"),
    ],
)
def test_a_wrong_setting_is_refused(name: str, value: object, expected: str, settings: Any) -> None:
    setattr(settings, name, value)
    assert ids() == [expected]
    assert all(message.hint for message in checks.check_failure_check())


def test_a_module_that_raises_is_refused_too(
    settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "house_alarms.py").write_text("raise RuntimeError('no tap')")
    monkeypatch.syspath_prepend(tmp_path)
    settings.FAILURE_CHECKS = ["house_alarms.tap"]
    [message] = checks.check_failure_check()
    assert (message.id, message.msg) == (
        "failure_check.E003",
        "house_alarms.tap is no function: no tap",
    )


def test_that_alarms_reach_nobody_is_a_warning_of_a_deploy(settings: Any) -> None:
    settings.FAILURE_CHECK_NOTIFY = []
    settings.FAILURE_CHECK_STATE_FILE = ""
    found = checks.check_somebody_is_told()
    assert [message.id for message in found] == ["failure_check.W001", "failure_check.W002"]
    settings.ADMINS = ["ops@example.com"]
    settings.FAILURE_CHECK_STATE_FILE = "/var/alarms.json"
    assert checks.check_somebody_is_told() == []
