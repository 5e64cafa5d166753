"""A connection that is given up after seconds: who looks at a broker has other things to do."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from celery import Celery

# One that is up answers in a millisecond; a frozen one is given up.
ANSWER_SECONDS = 2


@contextmanager
def connected(app: Celery, url: str | None = None, *, guarded: bool = True) -> Iterator[Any]:
    """Yield a connection to an app's broker. Raises what the transport raises, and the guard."""
    options: dict[str, Any] = {"max_retries": 0}
    connection: Any = app.connection_for_write(url, connect_timeout=ANSWER_SECONDS)
    if connection.transport.driver_type == "redis":
        options |= dict.fromkeys(("socket_timeout", "socket_connect_timeout"), ANSWER_SECONDS)
    connection.transport_options = {**connection.transport_options, **options}
    connection.transport_options.pop("retry_on_timeout", None)
    if not guarded:
        connection.guard = None
    with connection:
        # Twice at once: `connect()` would sleep for two seconds between.
        connection.ensure_connection(
            max_retries=1, interval_start=0, interval_step=0, reraise_as_library_errors=False
        )
        yield connection
