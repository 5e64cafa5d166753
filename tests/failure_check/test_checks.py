"""Each misconfiguration has an id and a hint."""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import django
import pytest
from celery import current_app, signals
from celery.beat import PersistentScheduler

from patterns.failure_check import checks
from patterns.failure_check.watch import Watch


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
        ("FAILURE_CHECKS", [len], "failure_check.E003"),
        ("FAILURE_CHECK_NOTIFY", "no.such.alarm", "failure_check.E003"),
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
        "'house_alarms.tap' is no dotted path of a function: no tap",
    )


def test_e006_nothing_is_looked_for(settings: Any) -> None:
    settings.FAILURE_CHECKS = []
    assert ids() == ["failure_check.E006"]


def test_e007_beat_does_not_look(settings: Any) -> None:
    current_app.conf.beat_scheduler = "celery.beat:PersistentScheduler"
    assert ids() == ["failure_check.E007"]
    settings.FAILURE_CHECK_HEARTBEATS = {"relay": 20}
    assert ids() == []


def test_e007_is_not_said_where_a_receiver_of_beat_s_start_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "house_beat.py").write_text(
        "from patterns.failure_check import watch\n"
        "def look(**_):\n    watch.Watch('beat').start()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    look = import_module("house_beat").look
    current_app.conf.beat_scheduler = "celery.beat:PersistentScheduler"
    signals.beat_init.connect(look)
    try:
        assert ids() == []
    finally:
        signals.beat_init.disconnect(look)


class Scheduler(PersistentScheduler):  # type: ignore[misc]  # it comes without types
    """As a project's own beat has it."""

    def setup_schedule(self) -> None:
        Watch("beat").start()
        super().setup_schedule()


@pytest.fixture(autouse=True)
def watching_beat() -> Iterator[None]:
    before = current_app.conf.beat_scheduler
    current_app.conf.beat_scheduler = f"{__name__}:Scheduler"
    yield
    current_app.conf.beat_scheduler = before


def deployed() -> list[str | None]:
    return [message.id for message in checks.check_somebody_is_told()]


def test_e008_alarms_that_reach_nobody_in_production(settings: Any) -> None:
    settings.FAILURE_CHECK_NOTIFY, settings.FAILURE_CHECK_STATE_FILE = [], "/var/alarms.json"
    assert deployed() == ["failure_check.E008"]
    settings.ADMINS = ["ops@example.com"]
    assert deployed() == []
    settings.ADMINS, settings.FAILURE_CHECK_NOTIFY = [], ["tests.failure_check.conftest.notify"]
    assert deployed() == []


def test_e008_a_mailer_that_could_not_send_an_alarm(settings: Any) -> None:
    settings.ADMINS, settings.FAILURE_CHECK_STATE_FILE = ["ops@example.com"], "/var/alarms.json"
    if django.VERSION < (6, 1):
        settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = True  # Django refuses both at once
    else:
        without_host = {"BACKEND": "django.core.mail.backends.smtp.EmailBackend"}
        settings.MAILERS = {**settings.MAILERS, "delivery": without_host}
    assert deployed() == ["failure_check.E008"]
    message = checks.check_somebody_is_told()[0]
    assert message.msg.startswith("Alarms reach nobody by mail: the mailer refuses its settings")


def test_w001_no_file_that_keeps_alarms_while_the_database_is_away(settings: Any) -> None:
    settings.ADMINS, settings.FAILURE_CHECK_STATE_FILE = ["ops@example.com"], ""
    assert deployed() == ["failure_check.W001"]
