"""What follows a task commits with it, or not at all."""

from durable_shop import ends, tasks

from patterns.durable_tasks.models import TaskRow
from tests.durable_tasks.conftest import Start, notes
from tests.queued_mail.conftest import eventually


def test_what_follows_an_ended_task_runs_and_what_follows_a_failed_one_does_not(
    start_relay: Start, start_worker: Start
) -> None:
    start_worker()
    start_relay()
    (tasks.write_note.s("a") | tasks.chained.s("b") | tasks.chained.s("c")).delay()
    (tasks.write_note.s("d", "raise") | tasks.chained.s("never")).delay()
    (tasks.write_note.s("e", "raise") | tasks.plain.s()).delay()
    (ends.ignored.s("f") | tasks.chained.s("never")).delay()
    (tasks.write_note.s("g") | tasks.plain.s()).delay()
    tasks.write_note.apply_async(("h",), link=tasks.chained.s("i"))
    eventually(lambda: TaskRow.objects.filter(state=4).count() == 2)
    eventually(lambda: TaskRow.objects.count() == 2)
    expected = ["a", "a>b", "a>b>c", "f", "g", "g", "h", "h>i"]
    eventually(lambda: len(notes()) >= len(expected))
    assert sorted(notes()) == expected
