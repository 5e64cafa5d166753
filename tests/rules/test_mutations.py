"""Realistic ways to break each of the seven rules: none passes unnoticed."""

import runpy
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.rules.conftest import run, run_tests
from tests.rules.mutations import PAGE, Mutation, as_table, page_with, read

MUTATIONS = read()
# So many mistakes each of the seven rules is held against, at least.
FEWEST = 3


def run_check(project: Path, mutation: Mutation) -> Any:
    options = ["--deploy"] if mutation.by == "check --deploy" else []
    command = ("manage.py", "check", "--fail-level", "WARNING", *options)
    return run(project, *command, **mutation.environment)


def run_start(project: Path, mutation: Mutation) -> Any:
    return run(project, "-m", *mutation.command, **mutation.environment)


def run_suite(project: Path, mutation: Mutation) -> Any:
    return run_tests(project, mutation.test)


DO = {"check": run_check, "check --deploy": run_check, "start": run_start, "suite": run_suite}


def test_a_correct_shop_has_no_finding_with_every_server_away(shop: Path) -> None:
    done = run(shop, "manage.py", "rules", "--deploy", "--servers")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("All clear: the seven rules hold.\n")
    done = run(shop, "manage.py", "check", "--deploy", "--fail-level", "WARNING")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.id)
def test_a_mistake_goes_red(own_shop: Path, mutation: Mutation) -> None:
    for edit in mutation.edits:
        edit.apply(own_shop)
    done = DO[mutation.by](own_shop, mutation)
    told = done.stdout + done.stderr
    assert done.returncode != 0, told
    assert mutation.found in told, told


def test_each_rule_is_held_against_several_mistakes() -> None:
    counted = Counter(mutation.rule for mutation in MUTATIONS)
    assert {rule: counted[rule] for rule in range(1, 8) if counted[rule] < FEWEST} == {}


def test_what_is_found_stands_under_the_rule_that_is_broken(shop: Path) -> None:
    checks = runpy.run_path(str(shop / "config" / "rules.py"))["CHECKS"]
    found = [each for each in MUTATIONS if each.by.startswith("check")]
    assert [each.id for each in found if checks[each.found][0] != each.rule] == []


def test_the_page_has_the_table() -> None:
    told = "write it anew: python -m tests.rules.mutations"
    assert PAGE.read_text(encoding="utf-8") == page_with(as_table(MUTATIONS)), told
