"""The shop's side of the analytics broker: an event is published at once or dropped."""

import logging
from collections.abc import Callable
from time import monotonic

from analytics.celery import app
from analytics.counting import count_event

# A broker that is up answers in a millisecond. An attempt on a frozen one waits for one answer, on
# one that freezes meanwhile for two: a second at most, where the name resolves.
ANSWER_SECONDS = 0.5
# After a failure nothing is tried for this long. So a frozen broker takes one second in thirty of
# the worker of `default`, whether one event comes in that time or a thousand.
PAUSE_SECONDS = 30
# Once a minute is often enough to be seen, and rare enough not to bury the other lines.
WARNING_SECONDS = 60

logger = logging.getLogger(__name__)


class Forwarder:
    """Sends events, drops them while the analytics broker is away, and says so now and then.

    One per process, without a lock: what two threads can do to each other here is try twice.
    """

    def __init__(self, send: Callable[[str, str], None], clock: Callable[[], float] = monotonic):
        """Send with `send(name, day)`; `clock()` gives seconds."""
        self.send = send
        self.clock = clock
        self.paused_until = self.silent_until = -1.0
        self.dropped = 0

    def publish(self, name: str, day: str) -> bool:
        """Publish an event; return whether the broker took it. Never raises, ends in about 1 s.

        A drop is final, with one exception: what a frozen broker had in its socket may count.
        """
        if self.clock() < self.paused_until:
            self.dropped += 1
            return False
        try:
            self.send(name, day)
        except Exception as error:  # whatever it is, the shop goes on
            self.pause(error)
            return False
        self.resume()
        return True

    def pause(self, error: Exception) -> None:
        """Stop trying for a while; say so at most once a minute."""
        self.dropped += 1
        self.paused_until = self.clock() + PAUSE_SECONDS
        if self.clock() < self.silent_until:
            return
        self.silent_until = self.clock() + WARNING_SECONDS
        logger.warning(
            "The analytics broker takes no events (%s: %s), %d dropped so far; the shop goes on. "
            "Is it up, and does its worker run? See ANALYTICS_BROKER_URL.",
            type(error).__name__,
            error,
            self.dropped,
        )

    def resume(self) -> None:
        """Note that the broker takes events; say so where some were dropped."""
        if self.dropped:
            logger.info("The analytics broker takes events again; %d were dropped.", self.dropped)
            self.dropped = 0


def send_now(name: str, day: str) -> None:
    """Publish in one attempt, on a connection of its own. Raises what kombu raises.

    A pooled connection would save a millisecond, and would have to be trusted after a freeze.
    """
    with app.connection_for_write(
        transport_options={
            "socket_connect_timeout": ANSWER_SECONDS,
            "socket_timeout": ANSWER_SECONDS,
            "max_retries": 0,
        }
    ) as connection:
        count_event.apply_async(  # type: ignore[call-arg]  # the stubs know no connection
            (name, day), connection=connection, retry=False
        )


publish = Forwarder(send_now).publish
