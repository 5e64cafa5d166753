"""A problem says what is wrong and what to do, or is none."""

import pytest

from patterns.failure_check.problem import Problem


@pytest.mark.parametrize("part", ["name", "sentence", "remedy"])
def test_a_problem_without_a_part_is_refused(part: str) -> None:
    parts = {"name": "tap", "sentence": "It drips.", "remedy": "Turn it off.", part: " "}
    with pytest.raises(ValueError, match=f"has no {part}"):
        Problem(severity="warning", **parts)


def test_a_severity_is_one_of_two() -> None:
    with pytest.raises(ValueError, match="one of warning, critical, not 'bad'"):
        Problem(name="tap", severity="bad", sentence="It drips.", remedy="Off.")  # type: ignore[arg-type]
