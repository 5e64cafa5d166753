"""A problem says what is wrong and what to do, or is none."""

import pytest

from patterns.failure_check.problem import Problem, duration


@pytest.mark.parametrize("part", ["name", "sentence", "remedy"])
def test_a_problem_without_a_part_is_refused(part: str) -> None:
    parts = {"name": "tap", "sentence": "It drips.", "remedy": "Turn it off.", part: " "}
    with pytest.raises(ValueError, match=f"has no {part}"):
        Problem(severity="warning", **parts)


def test_a_severity_is_one_of_two() -> None:
    with pytest.raises(ValueError, match="one of warning, critical, not 'bad'"):
        Problem(name="tap", severity="bad", sentence="It drips.", remedy="Off.")  # type: ignore[arg-type]


def test_a_name_is_one_line_that_a_key_has_room_for() -> None:
    made = Problem(
        name="failed:a\nAll clear!\0 \ud800" + "n" * 3000,
        severity="warning",
        sentence="It drips.",
        remedy="Off.",
    )
    assert made.name.startswith("failed:a All clear! nnn")
    assert len(made.name) == 600


def test_its_words_keep_their_lines_and_lose_what_no_row_can_hold() -> None:
    made = Problem(name="tap", severity="warning", sentence="a\nb\0\ud800", remedy="c\0")
    assert (made.sentence, made.remedy) == ("a\nb?", "c")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7200, "2 h"), (172_800, "2 days")],
)
def test_a_duration_is_said_as_people_do(seconds: float, words: str) -> None:
    assert duration(seconds) == words
