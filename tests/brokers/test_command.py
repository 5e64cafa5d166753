"""`manage.py broker` shows whose a broker is, and hands it over by the name of its owner."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.core.management.base import BaseCommand

from patterns.brokers.management.commands.broker import Command
from tests.brokers.conftest import ANALYTICS, SHOP, made
from tests.servers import Server

analytics = made("memory://", ANALYTICS)


@pytest.fixture(autouse=True)
def project(settings: Any, broker: Server) -> None:
    settings.BROKERS_APPS = (f"{__name__}.analytics",)
    analytics.conf.broker_url = broker.url


def asked(*words: str) -> tuple[str, int]:
    """Return what the command wrote, and its exit status."""
    command: BaseCommand = Command(stdout=StringIO(), stderr=StringIO())
    status = 0
    try:
        call_command(command, *words)
    except SystemExit as ended:
        status = int(str(ended.code))
    return command.stdout.getvalue(), status  # type: ignore[attr-defined]


def test_show_says_whose_it_is_and_what_waits_there(broker: Server) -> None:
    assert asked("show")[1] == 0  # nobody's
    made(broker.url).send_task("tests.say")
    words, status = asked("show")
    assert status == 1
    assert "owner: story.shop@production, stamped by process" in words
    assert "waiting there: celery 1" in words
    assert "REFUSED: " in words
    written, status = asked("show", "--json")
    (shown,) = json.loads(written)
    assert status == 1
    assert (shown["app"], shown["owner"]) == (str(ANALYTICS), str(SHOP))
    assert shown["waiting"] == {"celery": 1}


def test_a_broker_is_handed_over_by_the_name_of_its_owner(broker: Server) -> None:
    made(broker.url).guard.look()
    with pytest.raises(CommandError, match=r"is of story\.shop@production, not of nobody"):
        asked("hand-over", "other.analytics", "--from", "nobody")
    words, status = asked("hand-over", "other.analytics", "--from", "story.shop@production")
    assert (status, "owner: other.analytics@production" in words) == (0, True)
    assert asked("show")[1] == 0


def test_a_broker_may_be_given_to_somebody_else(broker: Server) -> None:
    analytics.guard.look()
    words, status = asked(
        *("hand-over", "other.analytics", "--from", str(ANALYTICS), "--to", "third@staging")
    )
    assert (status, "owner: third@staging" in words) == (0, True)
    assert asked("show")[1] == 1


def test_what_is_no_owner_or_no_app_of_ours_is_refused(broker: Server) -> None:
    analytics.guard.look()
    with pytest.raises(CommandError, match="write app@environment"):
        asked("hand-over", "other.analytics", "--from", str(ANALYTICS), "--to", "third")
    with pytest.raises(CommandError, match=r"no app 'shop'\. It has: other\.analytics"):
        asked("hand-over", "shop", "--from", str(ANALYTICS))


def test_a_broker_that_is_away_is_another_status(broker: Server) -> None:
    broker.stop()
    assert asked("show")[1] == 2
    with pytest.raises(CommandError) as refused:
        asked("hand-over", "other.analytics", "--from", "nobody")
    assert refused.value.returncode == 2


def test_a_setting_that_leads_nowhere_is_said_in_a_line(settings: Any) -> None:
    settings.BROKERS_APPS = ("nowhere.app",)
    with pytest.raises(CommandError, match="No module named 'nowhere'"):
        asked("show")


def test_a_broker_that_bears_no_stamp_is_said_beside_the_others(broker: Server) -> None:
    analytics.conf.broker_url = "memory://"
    command: BaseCommand = Command(stdout=StringIO(), stderr=StringIO())
    call_command(command, "show")
    assert "is no Redis or Valkey, and bears no stamp" in command.stderr.getvalue()  # type: ignore[attr-defined]
