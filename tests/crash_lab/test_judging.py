"""What the lab lets pass, and what it calls a breach."""

import random
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from crash_lab.account import Account
from crash_lab.counting import expect_copies_explained
from crash_lab.customers import Failure
from crash_lab.killing import Killer
from crash_lab.scenarios.database_restarts import expect_clean_failures

NOBODY: Any = None


@pytest.fixture
def account() -> Account:
    return Account(number=1, title="Something happens")


def lab_with(cut_off: dict[str, int], arrived: dict[str, int]) -> Any:
    return SimpleNamespace(
        sql=lambda query: list(cut_off.items()),
        mails=SimpleNamespace(arrived=lambda: Counter(arrived)),
    )


def test_a_second_copy_is_allowed_for_each_attempt_of_that_mail_that_was_cut_off(
    account: Account,
) -> None:
    expect_copies_explained(lab_with({"<a>": 1, "<b>": 0}, {"<a>": 2, "<b>": 1}), account)
    assert account.holds


def test_what_was_cut_off_of_another_mail_explains_no_second_copy(account: Account) -> None:
    expect_copies_explained(lab_with({"<a>": 4, "<b>": 0}, {"<a>": 1, "<b>": 2}), account)
    assert account.breaches == ["mail <b> came 2 times, and 0 attempts of it were cut off"]


def load_with(*failed: Failure) -> Any:
    return SimpleNamespace(failed=failed, failures=Counter(each.kind for each in failed))


def failure(*, began: float = 11, seconds: float = 0.1, status: int = 500) -> Failure:
    return Failure(began=began, seconds=seconds, status=status, kind=f"answered {status}")


def test_a_request_answered_by_an_error_while_the_database_is_away_is_clean(
    account: Account,
) -> None:
    expect_clean_failures(account, load_with(failure()), [(10, 12)])
    assert account.holds


def test_no_failed_request_while_the_database_is_away_shows_nothing(account: Account) -> None:
    expect_clean_failures(account, load_with(failure(began=13)), [(10, 12)])
    assert account.breaches == ["no request failed while the database was away: nothing was shown"]


@pytest.mark.parametrize(
    "other", [failure(status=0), failure(status=404), failure(seconds=20.0)], ids=str
)
def test_a_request_that_hangs_or_is_not_answered_by_a_5xx_is_a_breach(
    account: Account, other: Failure
) -> None:
    expect_clean_failures(account, load_with(failure(), other), [(10, 12)])
    assert len(account.breaches) == 1
    assert "otherwise than by a 5xx in time" in account.breaches[0]


def test_kills_are_counted_by_kind_also_where_there_is_none() -> None:
    killer = Killer(NOBODY, random.Random(1), Path("kills.log"))
    killer.kills.update(
        {"web leader": 1, "web child": 2, "worker_mail leader": 3, "worker_default child": 4}
        | {"worker_default leader": 5, "beat leader": 6}
    )
    assert killer.by_kind() == {
        "web": 3,
        "worker": 8,
        "worker's child": 4,
        "relay": 0,
        "beat": 6,
    }
