"""A row that is printed, in a shell or a log, says what it is."""

from datetime import UTC, datetime

import pytest
from django.db.models import Model

from patterns.failure_check.models import Alarm, Heartbeat, Run, Sample

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (Alarm(name="queue_late:mail"), "queue_late:mail"),
        (Heartbeat(name="worker mail@a"), "worker mail@a"),
        (Sample(name="waiting", at=NOW), "waiting at 2026-01-02 03:04:05+00:00"),
        (Run(by="beat@a:1", at=NOW), "beat@a:1 at 2026-01-02 03:04:05+00:00"),
    ],
    ids=lambda given: type(given).__name__,
)
def test_a_row_says_what_it_is(row: Model, words: str) -> None:
    assert str(row) == words
