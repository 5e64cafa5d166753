"""What wakes a relay is a help: it looks by itself, and is not told while it is busy."""

from development.server import Server
from django.db import connection

from patterns.durable_tasks.models import QueueRow
from patterns.durable_tasks.relay import Relay
from tests.durable_tasks.conftest import Start
from tests.durable_tasks.messages import ids
from tests.durable_tasks.test_publication import enqueue, relay
from tests.durable_tasks.test_relay import is_listening
from tests.servers import eventually

__all__ = ["relay"]  # a fixture
# As a commit does whose notification a pooler swallows.
UNTOLD = """
INSERT INTO durable_tasks_task (id, name, queue, arguments, shown)
VALUES (gen_random_uuid(), 'shop.write_note', 'default', '[["x"], {}]', '["", ""]')
"""


def test_what_the_relay_is_not_told_of_is_found_by_looking(
    start_relay: Start, broker: Server
) -> None:
    QueueRow.objects.create(name="default")
    start_relay()
    for count in range(1, 4):  # again: the first may come just before it sleeps
        eventually(is_listening)
        with connection.cursor() as cursor:
            cursor.execute(UNTOLD)
        eventually(lambda count=count: len(ids(broker)) == count)


def test_commits_need_not_notify_a_relay_that_has_just_published_several(
    relay: Relay, broker: Server
) -> None:
    """Given no backlog: it has emptied the queue, and is not asleep."""
    QueueRow.objects.update(is_listened=True)
    enqueue(5)
    relay.turn_and_wait()
    assert len(ids(broker)) == 5
    assert not is_listening()
    try:
        eventually(lambda: relay.turn_and_wait() or is_listening())  # with nothing to do it asks
    finally:
        relay.listener.close()
