"""A row is in the caller's transaction itself: nothing is left to be done after the commit."""

from django.db import connection, transaction

from patterns.durable_tasks.models import TaskRow
from tests.durable_tasks.test_enqueue import Enqueue, each_door


@each_door
def test_a_process_that_dies_right_after_its_commit_has_lost_nothing(door: Enqueue) -> None:
    with transaction.atomic():
        door()
        assert TaskRow.objects.count() == 1
        assert connection.run_on_commit == []
