"""A plain Celery app without Django, whose broker and owner the environment names."""

import os
import time

from patterns.brokers import guard
from patterns.brokers.app import GuardedCelery
from patterns.brokers.owner import Owner

guard.LOOK_SECONDS = 0.2  # a test does not wait ten seconds
guard.WAIT_SECONDS = 3.0  # nor fifteen

app = GuardedCelery(
    "plain",
    broker=os.environ["BROKER"],
    owner=Owner.parse(os.environ["OWNER"]),
    broker_setting="THE_BROKER",
    may_evict="MAY_EVICT" in os.environ,
)
app.conf.broker_connection_retry_on_startup = True
app.conf.beat_schedule = {"often": {"task": "tests.say", "schedule": 0.2}}
app.conf.beat_max_loop_interval = 0.2


@app.task(name="tests.say", acks_late=True)
def say(seconds: float = 0) -> None:
    print("The task runs.", flush=True)
    time.sleep(seconds)
