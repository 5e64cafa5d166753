"""Publish marked rows: their messages are handed to the broker, outside of any transaction."""

from collections.abc import Sequence
from typing import Any

from celery import Celery

from .marking import Marked, doubt, fail, unmark
from .priorities import priority
from .row_message import of_row

Message = tuple[dict[str, Any], dict[str, Any], Any]
# Messages that travel together: some ten kilobytes.
BATCH = 100


def publish(
    app: Celery,
    producer: Any,
    target: Any,
    marked: Sequence[Marked],
    broker_errors: tuple[type[BaseException], ...] = (),
) -> int:
    """Publish the messages of marked rows to a declared queue; return how many were.

    A row that cannot be a message fails alone. Raises what the broker does: of what was being sent
    nobody knows whether it arrived, so it stays marked, and the broker is asked (see lost.py).
    """
    try:
        messages = [(row, made) for row in marked if (made := _message(app, row)) is not None]
    except BaseException:  # SIGTERM, or the database: nothing was sent
        unmark(marked)
        raise
    address = _address(target)
    try:
        with producer.batch(max_size=BATCH):
            sent = [
                _send(producer, address, row, made, priority(app, row.rank), broker_errors)
                for row, made in messages
            ]
    except BaseException:
        doubt(marked)
        raise
    return sum(sent)


def _message(app: Celery, row: Marked) -> Message | None:
    """Return the row's message; None for a row that has failed, since it cannot be one."""
    try:
        return of_row(app, row)
    except Exception as error:
        fail(row, error)
        return None


def _address(target: Any) -> dict[str, Any]:
    """Return where Celery would publish to: past the exchange, where that is a direct one."""
    if target.exchange is None or target.exchange.type == "direct":
        return {"exchange": "", "routing_key": target.name}
    return {"exchange": target.exchange.name, "routing_key": target.routing_key}


def _send(
    producer: Any,
    address: dict[str, Any],
    row: Marked,
    made: Message,
    priority: int,
    broker_errors: tuple[type[BaseException], ...],
) -> bool:
    headers, properties, body = made
    try:
        # What cannot be written as JSON raises here; what the broker does not take, at the flush.
        producer.publish(
            body, serializer="json", headers=headers, priority=priority, **address, **properties
        )
    except broker_errors:
        raise
    except Exception as error:  # a header too large or too deep for the transport, say
        fail(row, error)
        return False
    return True
