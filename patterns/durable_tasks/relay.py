"""The relay: publishes what is due, queue by queue, for as long as it lives. It imports no task."""

import logging
from collections.abc import Iterable
from typing import Any

from celery import Celery
from django.db import DatabaseError, InterfaceError, connections

from . import configuration, publication
from .listening import Listener
from .upkeep import Upkeep

logger = logging.getLogger(__name__)

# A frozen broker or database is given up after these, and tried again.
BROKER_SECONDS = 3
PAUSE_SECONDS = 1.0
# A busy queue's window empties in a second or so; half of it is due in a tenth of that.
BUSY_SECONDS = 0.02


class Relay:
    """One relay. Any number may run: each queue is marked by one at a time.

    Crash: what was marked and not published is published again when its lease ends. Everything it
    does can be done twice.
    """

    def __init__(self, app: Celery, queues: Iterable[str] = ()) -> None:
        """Publish for `app`; for the named queues alone, where there are any."""
        self.app, self.only = app, tuple(queues)
        self.upkeep, self.listener = Upkeep(), Listener()
        self.connection: Any = None

    def run(self) -> None:
        """Publish until SystemExit or KeyboardInterrupt; an outage is waited for."""
        try:
            while True:
                self.listener.wait(self._turn_or_pause())
        finally:
            self.listener.close()
            self._drop_broker()

    def turn(self) -> int:
        """Do everything once; return how many messages were published."""
        self.upkeep.turn()
        return sum(self._publish(queue) for queue in self._queues())

    def _turn_or_pause(self) -> float | None:
        """Return how long to wait without listening; None: nothing is due, so listen."""
        try:
            published = self.turn()
        except (DatabaseError, InterfaceError) as error:
            logger.warning("The database is away, trying again: %s", error)
            connections[configuration.database()].close()
            return PAUSE_SECONDS
        except self._broker_errors() as error:
            logger.warning("The broker is away, trying again: %s", error)
            self._drop_broker()
            return PAUSE_SECONDS
        return BUSY_SECONDS if published else None

    def _queues(self) -> list[str]:
        with connections[configuration.database()].cursor() as cursor:
            cursor.execute("SELECT name FROM durable_tasks_queue WHERE NOT is_paused ORDER BY name")
            names = [row[0] for row in cursor.fetchall()]
        return [name for name in names if not self.only or name in self.only]

    def _publish(self, queue: str) -> int:
        self.upkeep.look_for_messages(queue, lambda: self._depth(queue))
        marked = publication.mark(queue)
        if marked:
            try:
                producer = self._producer()
            except BaseException:
                publication.unmark(marked)
                raise
            publication.publish(self.app, producer, queue, marked)
        return len(marked)

    def _producer(self) -> Any:
        if self.connection is None:
            options = {
                **self.app.conf.broker_transport_options,
                "socket_timeout": BROKER_SECONDS,
                "socket_connect_timeout": BROKER_SECONDS,
            }
            # kombu does not batch where these are set.
            options.pop("retry_on_timeout", None)
            self.connection = self.app.connection_for_write(
                connect_timeout=BROKER_SECONDS, transport_options=options
            )
            self.connection.connect()
        return self.app.amqp.Producer(self.connection.default_channel, auto_declare=False)

    def _depth(self, queue: str) -> int:
        """Count a queue's messages at the broker, in the way that every transport knows."""
        self._producer()
        with self.connection.channel() as channel:
            declared = channel.queue_declare(queue=queue, passive=True)
            return int(declared.message_count)

    def _broker_errors(self) -> tuple[type[BaseException], ...]:
        connection = self.connection or self.app.connection_for_write()
        return (*connection.connection_errors, *connection.channel_errors, OSError)

    def _drop_broker(self) -> None:
        connection, self.connection = self.connection, None
        if connection is not None:
            try:
                connection.release()
            except Exception as error:  # it is being given up
                logger.debug("The broker's connection: %s", error)
