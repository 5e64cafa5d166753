"""`manage.py rules` shows every check of the project under one rule, and what it finds."""

import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.checks import Error, Tags, register
from django.core.checks.registry import registry
from django.core.management import call_command

from config.rules import CHECKS, DEPLOY, RULES, SERVERS

ID = re.compile(r'"([a-z_]+\.[EW]\d{3})"')
# Where no check is registered.
ELSEWHERE = {"tests", ".venv", "var", "build", "node_modules"}


def registered_ids() -> set[str]:
    """Return the ids that the project's modules give to what they find."""
    files = [
        file
        for file in Path(settings.BASE_DIR).rglob("*.py")
        if not ELSEWHERE & set(file.relative_to(settings.BASE_DIR).parts)
        and file.name not in {"rules.py"}
    ]
    return {id for file in files for id in ID.findall(file.read_text("utf-8"))}


def test_every_check_that_is_registered_stands_under_exactly_one_rule() -> None:
    registered = registered_ids()
    assert registered - CHECKS.keys() == set(), "name these in config/rules.py"
    assert CHECKS.keys() - registered == set(), "config/rules.py names what nothing registers"
    assert {number for number, _ in CHECKS.values()} == {rule.number for rule in RULES}
    assert [rule.number for rule in RULES] == [1, 2, 3, 4, 5, 6, 7]


def test_what_needs_an_option_is_said_to_need_it() -> None:
    deployment = {
        id for check in registry.deployment_checks for id in ID.findall(inspect.getsource(check))
    }
    asking_servers = {
        id
        for check in registry.registered_checks
        if Tags.database in check.tags
        # Anywhere in its package: one that starts of processes ask for as well stands beside it.
        for file in Path(inspect.getfile(check)).parent.glob("*.py")
        for id in ID.findall(file.read_text("utf-8"))
    }
    assert deployment & CHECKS.keys() == DEPLOY
    assert asking_servers >= SERVERS


def test_a_correct_shop_is_all_clear(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("rules")
    told = capsys.readouterr().out
    assert told.endswith("All clear: the seven rules hold.\n")
    assert all(f"{rule.number}. {rule.title}" in told for rule in RULES)
    told = " ".join(told.split())
    assert "every queue has a worker (queues.E002)" in told
    assert "Asked only with --deploy: failure_check.E008" in told


def test_a_finding_is_told_under_its_rule_with_its_remedy_and_ends_with_1(
    settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.FAILURE_CHECKS = []
    settings.QUEUED_MAIL_QUEUE = ""
    with pytest.raises(SystemExit) as end:
        call_command("rules")
    assert end.value.code == 1
    told = capsys.readouterr().out
    assert told.index("ERROR queued_mail.E002") < told.index("3. All tasks retry.")
    assert "    Remove it, for the pattern's own checks, or name yours.\n" in told
    assert told.endswith("Rules 2, 7 do not hold.\n")


def test_what_is_silenced_is_shown_and_does_not_count(
    settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.FAILURE_CHECKS = []
    settings.SILENCED_SYSTEM_CHECKS = ["failure_check.E006"]
    call_command("rules")
    told = capsys.readouterr().out
    assert "silenced ERROR failure_check.E006: FAILURE_CHECKS is empty" in told
    assert told.endswith("All clear: the seven rules hold.\n")


def test_programs_are_told_in_json(settings: Any, capsys: pytest.CaptureFixture[str]) -> None:
    settings.FAILURE_CHECKS = []
    with pytest.raises(SystemExit):
        call_command("rules", json=True)
    told = json.loads(capsys.readouterr().out)
    assert not told["is_all_clear"]
    assert [rule["number"] for rule in told["rules"] if not rule["holds"]] == [7]
    (finding,) = told["rules"][6]["findings"]
    assert finding["id"] == "failure_check.E006"
    assert finding["remedy"].startswith("Remove it")
    assert {"id": "queues.E001", "what": "every task is on a declared queue", "is_asked": True} in (
        told["rules"][4]["checks"]
    )


def test_production_s_own_checks_are_asked_with_deploy(
    settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.ADMINS = []
    with pytest.raises(SystemExit):
        call_command("rules", deploy=True)
    told = capsys.readouterr().out
    assert "ERROR failure_check.E008" in told
    assert "Asked only with --deploy" not in told


@pytest.fixture
def asked() -> Iterator[list[Any]]:
    """Register a check that needs a server, and return how often it was asked."""
    times: list[Any] = []

    @register(Tags.database)
    def needs_a_server(databases: Any = None, **_: Any) -> list[Error]:
        times.append(databases)
        return []

    yield times
    registry.registered_checks.discard(needs_a_server)


def test_a_check_that_contacts_a_server_is_asked_with_servers_alone(asked: list[Any]) -> None:
    call_command("rules")
    assert asked == []
    call_command("rules", servers=True)
    assert asked == [["default"]]


def test_a_check_that_raises_is_a_finding_and_the_others_are_asked(
    capsys: pytest.CaptureFixture[str],
) -> None:
    @register
    def broken(**_: Any) -> list[Error]:
        raise KeyError("tap")

    try:
        with pytest.raises(SystemExit):
            call_command("rules")
    finally:
        registry.registered_checks.discard(broken)
    told = capsys.readouterr().out
    assert "shop.E010: The check" in told
    assert "KeyError: 'tap'" in told
    assert "Rule 7 does not hold." in told
