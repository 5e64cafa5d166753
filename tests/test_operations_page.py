"""Somebody on call searches for the words they have: each id, alarm and error stands on a page."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TEMPLATE = ROOT / "{{cookiecutter.project_slug}}"
OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
PAGES = "\n".join(page.read_text(encoding="utf-8") for page in (ROOT / "docs").rglob("*.md"))
CHECK_ID = re.compile(r'\bid="([a-z_]+\.[EW]\d{3})"')
ALARM = re.compile(r'\bname=f?"([a-z_]+)(?=[":])')
# A base of somebody else's by which a class is seen to be an exception.
EXCEPTIONS = re.compile(r"(Error|Exception)$")
# Nobody on call meets these; each with the reason.
NEVER_MET = {
    "AddressTaken": "a form says it to whoever signs up",
    "AlreadyRunning": "start.py says it, on a developer's machine",
    "BadEnvironment": "start.py says it, on a developer's machine",
    "NoFreePort": "start.py says it, on a developer's machine",
    "ServerFailed": "start.py says it, on a developer's machine",
    "Stopped": "start.py ends by it",
    "LedgerError": "a base: its classes are met",
    "PermanentError": "a base: its classes are met",
    "TransientError": "a base: its classes are met",
    "NotForSale": "a page says it to whoever buys",
    "RebuildIsRunning": "a page of the back office says it to whoever asked twice",
    "TimeIsUp": "an action in the admin goes on with the next request",
    "TookTooLong": "the alarm check_failed carries it",
}


def sources() -> Iterator[Path]:
    """The Python that runs in production: the patterns', and the shop's without its tests."""
    yield from (ROOT / "patterns").rglob("*.py")
    for path in TEMPLATE.rglob("*.py"):
        if not {"tests", "patterns"} & set(path.relative_to(TEMPLATE).parts):
            yield path


def written() -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in sources())


def errors() -> set[str]:
    """The exceptions that are defined: by their bases' names, or those of other exceptions."""
    bases = {
        node.name: [ast.unparse(base).rpartition(".")[2] for base in node.bases]
        for path in sources()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
    }
    found: set[str] = set()
    while more := {
        name
        for name, above in bases.items()
        if name not in found
        and any(each in found if each in bases else EXCEPTIONS.search(each) for each in above)
    }:
        found |= more
    return found


@pytest.mark.parametrize("check_id", sorted(set(CHECK_ID.findall(written()))))
def test_a_check_id_is_found_on_a_page(check_id: str) -> None:
    app, _, number = check_id.partition(".")
    # In a row of several, `queues.E001`, `E002`, the first one names the app.
    row = rf"^.*\b{app}\.[EW]\d{{3}}\b.*`{number}`.*$"
    assert f"`{check_id}`" in PAGES or re.search(row, PAGES, re.MULTILINE)


def test_every_error_that_somebody_on_call_may_meet_is_in_operations() -> None:
    named = set(re.findall(r"`(\w+)`", OPERATIONS))
    assert sorted(errors() - named - NEVER_MET.keys()) == []
    assert sorted(NEVER_MET.keys() - errors()) == [], "no such error any more"


def test_every_alarm_is_in_operations() -> None:
    modules = [*(ROOT / "patterns" / "failure_check").glob("*.py")]
    modules += [TEMPLATE / "config" / "alarms.py", TEMPLATE / "config" / "development_alarms.py"]
    raised = {
        name
        for module in modules
        for call in re.split(r"\bProblem\(", module.read_text(encoding="utf-8"))[1:]
        for name in ALARM.findall(call)[:1]
    }
    named = set(re.findall(r"`([a-z_]+)(?=[`:])", OPERATIONS))
    assert len(raised) > 10
    assert sorted(raised - named) == []
