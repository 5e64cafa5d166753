"""From `delay()` to the deleted row, through a real relay and a real worker."""

from durable_shop import tasks

from tests.durable_tasks.conftest import Start, all_done, notes
from tests.servers import eventually


def test_a_plain_task_that_is_given_a_durable_ones_headers_runs(
    start_relay: Start, start_worker: Start
) -> None:
    start_worker()
    start_relay()
    tasks.hand_on.apply_async(["handed on"], headers={"trace": "t"})
    eventually(lambda: notes() == ["handed on"])


def test_a_committed_task_runs_and_its_row_is_gone(start_relay: Start, start_worker: Start) -> None:
    start_relay()
    start_worker()
    tasks.write_note.delay("one")
    tasks.contact.delay("two", after="three")
    eventually(lambda: len(notes()) == 3 and all_done())
    assert sorted(notes()) == ["one", "three", "two"]
