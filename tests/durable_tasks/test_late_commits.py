"""A row is chosen by its state: one that commits late is behind nothing."""

import threading

from development.server import Server
from django.db import connection, transaction
from durable_shop import tasks

from patterns.durable_tasks.models import TaskRow
from patterns.durable_tasks.relay import Relay
from tests.durable_tasks.messages import ids
from tests.durable_tasks.test_publication import enqueue, relay

__all__ = ["relay"]  # a fixture


def test_a_task_enqueued_before_another_and_committed_after_it_is_published_too(
    relay: Relay, broker: Server
) -> None:
    enqueued, told, early = threading.Event(), threading.Event(), []

    def commit_late() -> None:
        with transaction.atomic():
            early.append(str(tasks.write_note.delay("early").id))
            enqueued.set()
            told.wait(60)
        connection.close()

    thread = threading.Thread(target=commit_late)
    thread.start()
    try:
        assert enqueued.wait(60)
        late = enqueue(2)
        relay.turn()
        assert sorted(ids(broker)) == sorted(late)
    finally:
        told.set()
        thread.join()
    TaskRow.objects.filter(id__in=late[:1]).delete()  # a worker has done one meanwhile
    relay.turn()
    assert sorted(ids(broker)) == sorted([*late, *early])
