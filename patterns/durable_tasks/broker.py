"""The relay's connection to the broker: one at a time, given up after seconds, made anew."""

import logging
from typing import Any

from celery import Celery
from kombu import exceptions

logger = logging.getLogger(__name__)

# A frozen broker is given up after this and tried again; a slow one answers within it.
BROKER_SECONDS = 3


# Of kombu 5.7, whose types do not know it.
BATCH_FAILED: type[Exception] = vars(exceptions)["BatchPublishError"]


class Broker:
    """Where messages go. Crash or lost connection: the rows are there, their leases end."""

    def __init__(self, app: Celery) -> None:
        """Connect when first needed."""
        self.app = app
        self.is_new = False  # connected since the relay last asked what the broker still holds
        self._has_refused = False
        self._connection: Any = None
        self._producer: Any = None
        self._declared: dict[str, Any] = {}
        self._errors: tuple[type[BaseException], ...] | None = None

    def producer(self) -> Any:
        """Return what publishes, connected and seen to answer. Raises one of `errors()`."""
        if self._producer is None:
            self._connection = self.app.connection_for_write(
                connect_timeout=BROKER_SECONDS, transport_options=self._options()
            )
            self._connection.connect()
            channel = self._connection.default_channel
            self._producer = self.app.amqp.Producer(channel, auto_declare=False)
            self.is_new, self._has_refused = self.is_new or not self._has_refused, False
            if not self._producer.supports_batch_publish:
                logger.info("This broker takes messages one by one (see kombu's Producer.batch).")
        return self._producer

    def target(self, queue: str) -> Any:
        """Return the queue's declaration, declared once a connection.

        A full broker refuses even this, so nothing is marked for it.
        """
        if queue not in self._declared:
            self.producer()
            declared = self.app.amqp.queues[queue]
            declared(self._connection.default_channel).declare()
            self._declared[queue] = declared
        return self._declared[queue]

    def depth(self, queue: str) -> int:
        """Count a queue's messages at the broker, in the way that every transport knows."""
        self.producer()
        try:
            with self._connection.channel() as channel:
                return int(channel.queue_declare(queue=queue, passive=True).message_count)
        except self._connection.channel_errors as error:
            # No such queue; in Redis a queue without messages is none.
            if getattr(error, "reply_code", None) == 404 or "NOT_FOUND" in str(error):
                return 0
            raise

    def errors(self) -> tuple[type[BaseException], ...]:
        """Return what is raised where the broker is away, frozen or full."""
        if self._errors is None:
            known = self.app.connection_for_write()
            listed = (*known.connection_errors, *known.channel_errors, OSError, BATCH_FAILED)
            # kombu lists KeyError among Redis'; ours is a queue that is not declared.
            self._errors = tuple(each for each in listed if each is not KeyError)
        return self._errors

    def is_away(self, error: BaseException) -> bool:
        """Tell whether an error is about the connection, not about one queue."""
        known = self.app.connection_for_write()
        cause = (isinstance(error, BATCH_FAILED) and error.__cause__) or error
        return not isinstance(cause, known.channel_errors)

    def renew(self) -> None:
        """Connect anew after it has refused something: it was there, and has lost nothing."""
        self.close()
        self._has_refused = True

    def close(self) -> None:
        """Give the connection up."""
        connection, self._connection, self._producer = self._connection, None, None
        self._declared, self._has_refused = {}, False
        if connection is not None:
            try:
                connection.release()
            except Exception as error:  # it is being given up
                logger.debug("The broker's connection: %s", error)

    def _options(self) -> dict[str, Any]:
        options = dict(self.app.conf.broker_transport_options)
        # kombu does not batch where this is set: a batch that is sent twice would be doubled.
        options.pop("retry_on_timeout", None)
        if self.app.connection_for_write().transport.driver_type == "redis":
            names = ("socket_timeout", "socket_connect_timeout")
        else:
            names = ("read_timeout", "write_timeout")
        return {**options, **dict.fromkeys(names, BROKER_SECONDS)}
