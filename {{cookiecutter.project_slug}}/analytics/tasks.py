"""The shop's one task for analytics: it carries an event over to the other broker."""

from analytics.forwarding import publish
from config.celery import app


@app.task(
    name="analytics.forward_event",
    queue="default",
    # Not into the analytics app, which may live in this process too.
    shared=False,
    # It contacts another app's broker.
    atomic=False,
    # Twice the 2 s that publishing may take at worst.
    soft_time_limit=4,
    time_limit=6,
)
def forward_event(name: str, day: str) -> None:
    """Publish one event, or drop it where the analytics broker does not take it at once.

    Crash: it is published again, and may count twice; the counts show trends, not accounts.
    """
    publish(name, day)
