"""A queue that cannot be published to rests by itself, and each of its outages is told."""

import logging
from types import SimpleNamespace

import pytest

from patterns.durable_tasks import resting
from patterns.durable_tasks.resting import Resting


def test_an_outage_after_a_queue_had_emptied_is_told_anew_and_rests_as_shortly(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    now = [1000.0]
    monkeypatch.setattr(resting, "time", SimpleNamespace(monotonic=lambda: now[0]))
    queues, away = Resting(), OSError("no right to it")
    for _ in range(2):
        queues.leave_out("mail", away, is_answer=True)
        now[0] += resting.LONGEST_SECONDS
    now[0] += resting.OVER_AFTER_SECONDS
    queues.leave_out("mail", away, is_answer=True)
    told = [each.levelno for each in caplog.records]
    assert told == [logging.ERROR, logging.WARNING, logging.ERROR]
    assert not queues.rests("mail", now[0] + resting.FIRST_SECONDS)
