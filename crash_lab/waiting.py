"""Wait until a shop is up: its pages answer, and all its workers."""

import httpx
import redis
from celery import Celery
from kombu.exceptions import OperationalError

from demo.client import wait_for

# Everything starts at the same time, on two cores.
START_SECONDS = 120.0


def wait_until_up(shop: str, broker_url: str, workers: int) -> None:
    """Wait for the shop at an address and for that many workers. Raises NotSeen."""
    wait_for("the shop", lambda: web_answers(shop), START_SECONDS)
    with Celery(broker=broker_url) as app:
        wait_for(f"{workers} workers", lambda: workers_answer(app, workers), START_SECONDS)


def web_answers(shop: str) -> bool:
    """Tell whether the catalogue is shown."""
    try:
        return httpx.get(f"{shop}/", timeout=5).is_success
    except httpx.TransportError:
        return False


def workers_answer(app: Celery, expected: int) -> bool:
    """Tell whether that many workers answer, on a broker that may be back since a moment."""
    try:
        return len(app.control.ping(timeout=1, limit=expected) or ()) >= expected
    except (OperationalError, redis.RedisError, OSError):
        return False
