"""An account is broken by what is lost or doubled, and the table says so."""

from crash_lab.account import Account, table


def test_an_account_without_a_breach_holds() -> None:
    account = Account(number=1, title="Nothing happens", committed=3, done={"run": 3})
    account.close()
    assert account.holds
    assert account.as_json()["holds"] is True


def test_what_is_lost_breaks_a_promise() -> None:
    account = Account(number=1, title="Something is lost", lost=1)
    account.close()
    assert account.breaches == ["1 lost"]


def test_what_is_doubled_breaks_a_promise() -> None:
    account = Account(number=1, title="Something is doubled", doubled=2)
    account.close()
    assert account.breaches == ["2 doubled"]


def test_a_scenario_goes_on_after_a_breach() -> None:
    account = Account(number=1, title="Two things go wrong")
    account.expect(False, "the first")
    account.expect(True, "this holds")
    account.expect(False, "the second")
    assert account.breaches == ["the first", "the second"]


def test_the_table_has_a_line_of_equal_width_for_each_scenario() -> None:
    good = Account(number=1, title="Short", committed=2_000, done={"charged": 2_000})
    bad = Account(number=2, title="A longer title", breaches=["it broke"])
    head, rule, *rows = table([good, bad]).splitlines()
    assert len({len(head), len(rule), *map(len, rows)}) == 1
    assert "charged 2,000" in rows[0]
    assert "holds" in rows[0]
    assert "BROKEN" in rows[1]
