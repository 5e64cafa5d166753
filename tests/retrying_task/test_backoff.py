"""Waits double up to a cap, and their number follows from the time that they shall last."""

import pytest

from patterns.retrying_task import RetryingTask
from patterns.retrying_task.backoff import ceiling_seconds, lasting_seconds, retries_lasting


def test_the_number_of_retries_follows_from_the_time_that_they_shall_last() -> None:
    assert retries_lasting(1, base_seconds=2, cap_seconds=100) == 1
    assert retries_lasting(7, base_seconds=2, cap_seconds=100) == 3  # 1 + 2 + 4
    assert retries_lasting(8, base_seconds=2, cap_seconds=2) == 8


@pytest.mark.parametrize(("retries", "seconds"), [(0, 0), (1, 1), (3, 7), (1000, 49_763)])
def test_the_time_follows_from_the_number(retries: int, seconds: float) -> None:
    assert lasting_seconds(retries, base_seconds=2, cap_seconds=100) == seconds


def test_a_number_beyond_any_float_waits_as_long_as_the_cap() -> None:
    assert ceiling_seconds(10**6, base_seconds=2, cap_seconds=1800) == 1800


def test_the_computed_retries_last_a_day() -> None:
    task = RetryingTask
    base, cap = task.backoff_base_seconds, task.backoff_cap_seconds
    hours = lasting_seconds(task.max_retries, base_seconds=base, cap_seconds=cap) / 3600
    assert 24 <= hours < 24.5
