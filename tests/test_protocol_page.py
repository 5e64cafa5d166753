"""What docs/protocol.md and docs/promises.md point to is there."""

import re
from pathlib import Path

import pytest

from crash_lab.scenarios import SCENARIOS

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
TESTS = sorted(set(re.findall(r"`([\w/]+\.py)::(\w+)`", PAGE)))
CODE = sorted(set(re.findall(r"`([\w/]+\.py): (\w+)`", PAGE)))


@pytest.mark.parametrize(("file", "name"), TESTS)
def test_every_test_that_is_named_exists(file: str, name: str) -> None:
    path = ROOT / file if "/" in file else ROOT / "tests" / "durable_tasks" / file
    assert re.search(rf"^def {name}\(", path.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize(("file", "name"), CODE)
def test_what_prevents_it_is_where_it_is_said_to_be(file: str, name: str) -> None:
    durable = ROOT / "patterns" / "durable_tasks"
    places = [ROOT, durable, durable / "migrations"]
    path = next(place / file for place in places if (place / file).is_file())
    assert re.search(rf"\b{name}\b", path.read_text(encoding="utf-8"))


def test_every_rule_has_its_table() -> None:
    rules = re.split(r"^## \d\. ", PAGE, flags=re.MULTILINE)[1:]
    assert len(rules) == 7
    for rule in rules:
        lines = [line for line in rule.splitlines() if line.startswith("| ")][1:]
        assert lines
        assert [line for line in lines if "::test_" not in line] == []


def test_promises_and_scenarios_name_each_other() -> None:
    lab = rows("crash_lab.md")
    assert {int(number) for number, *_ in lab} == set(SCENARIOS)
    by_scenario = {
        (int(promise), int(number)) for number, *_, last in lab for promise in numbers(last)
    }
    by_promise = {
        (int(promise), int(scenario))
        for promise, proofs in promises()
        for listed in re.findall(r"\[crash lab\]\(\S+\)((?: \d(?: \([^)]*\))?,?)+)", proofs)
        for scenario in numbers(re.sub(r"\([^)]*\)", "", listed))
    }
    assert by_promise == by_scenario


def promises() -> list[tuple[str, str]]:
    """Return each promise's number, and what proves it."""
    page = (ROOT / "docs" / "promises.md").read_text(encoding="utf-8")
    found = re.findall(r"^## (\d)\. .*?\*\*Proven by\*\*(.*?)(?=^## |\Z)", page, re.M | re.S)
    assert len(found) == 6
    return [(number, " ".join(proofs.split())) for number, proofs in found]


def rows(page: str) -> list[list[str]]:
    """Return the cells of a page's numbered lines."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    lines = re.findall(r"^\| \W*\d.*\|$", text, re.MULTILINE)
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def numbers(text: str) -> list[str]:
    return re.findall(r"\d", text)
