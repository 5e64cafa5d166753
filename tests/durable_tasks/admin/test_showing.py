"""What came from anywhere is made fit to be looked at."""

import pytest

from patterns.durable_tasks.admin import showing


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ä € 漢", "plain ä € 漢"),
        ("a\nb\tc", "a\nb\tc"),
        ("\x00\x1b[31m\x7f", "\\x00\\x1b[31m\\x7f"),
        ("\u202e\u2066\u200b\ufeff", "\\u202e\\u2066\\u200b\\ufeff"),
        ("\ud800", "\\ud800"),
        ("non\xa0breaking", "non\xa0breaking"),
        ("\U000e0041", "\\U000e0041"),
    ],
)
def test_nothing_is_unseen(text: str, shown: str) -> None:
    assert showing.visible(text) == shown
    assert showing.visible(text).encode()


def test_long_text_is_cut_with_a_mark() -> None:
    assert showing.visible("x" * 11, 10) == "x" * 10 + " …"
    assert showing.visible("x" * 10, 10) == "x" * 10


def test_a_line_is_one_line() -> None:
    assert showing.line(" a\n\n b\r\tc ") == "a b c"


@pytest.mark.parametrize(
    ("shown", "call"),
    [
        ('["(1, \'a\')", "{}"]', "(1, 'a')"),
        ('["()", "{\'a\': 1}"]', "{'a': 1}"),
        ('["()", "{}"]', ""),
        ("", ""),
        ("no json", "no json"),
        ("[1]", "[1]"),
        ('{"a": 1, "b": 2}', "a b"),
    ],
)
def test_arguments_read_as_a_call(shown: str, call: str) -> None:
    assert showing.call(shown) == call


def test_exact_arguments_are_json() -> None:
    assert showing.arguments('[["ä"], {"k": 1}]').split() == (
        ["{", '"args":', "[", '"ä"', "],", '"kwargs":', "{", '"k":', "1", "}", "}"]
    )


def test_a_traceback_falls_into_parts_and_loses_no_line() -> None:
    text = (
        'Traceback (most recent call last):\n  File "a", line 1\n    x\nE: y\n\nDuring handling\n'
    )
    parts = showing.traceback(text)
    assert [part.kind for part in parts] == ["heading", "own", "error", "heading"]
    assert "\n".join(part.text for part in parts) == text.rstrip("\n")


def test_what_runs_the_task_stands_back_as_a_library_does() -> None:
    frame = '  File "{}", line 5, in body\n    return run()\n'
    package = showing.__name__.removesuffix(".admin.showing").replace(".", "/")  # the copy's own
    runs = f"/srv/shop/{package}/run.py"
    own = "/srv/shop/own_patterns/durable_tasks_of_mine/run.py"
    text = f"Traceback (most recent call last):\n{frame.format(runs)}{frame.format(own)}Bad: late"
    parts = {part.kind: part.text for part in showing.traceback(text)}
    assert runs in parts["foreign"]
    assert own in parts["own"]
