"""The one list of queues: routes, workers and the Procfile follow from it."""

from patterns.queues import Queue, Queues

# At its cap (a million tasks) a queue that refuses raises `QueueFull` to whoever enqueues; the
# others are alarms alone, for no signup and no order is refused because a worker is down.
# `latency_seconds`: how long the oldest due task may wait before somebody is told.
SHOP = Queues(
    # Events that may be lost, and what beat asks for again.
    Queue(name="default", why="what concerns no other queue", at_cap="refuse"),
    Queue(
        name="mail",
        why="a mail never waits for anything but mails",
        latency_seconds=120,
        calls_outside=True,  # the mail server: no task here may hold a transaction open
    ),
    # Charging contacts the outside, packing in does not and is atomic: so this is for both.
    Queue(name="purchasing", why="money, and what follows from it", latency_seconds=120),
    Queue(
        name="admin",
        why="slow work of the back office, which starves nobody here",
        at_cap="refuse",  # staff press the button again
        latency_seconds=3600,
    ),
)
# A broker, an app and a worker of their own: this may overflow, and the shop goes on.  # analytics
ANALYTICS = Queues(  # analytics
    Queue(  # analytics
        name="analytics",  # analytics
        app="analytics.celery",  # analytics
        why="the other team's events, on their broker",  # analytics
    )  # analytics
)  # analytics
# The lists of all apps: every queue in them has a worker.
APPS = (
    SHOP,
    ANALYTICS,  # analytics
)

# Until Redis hands out again what was taken and never acknowledged: of interest to plain tasks
# alone (`durable = False`). Longer than the longest delay of their retries and a run, or
# `retrying_task.E008` refuses them.
VISIBILITY_TIMEOUT_SECONDS = 3600
