"""The one list of queues: routes, workers and the Procfile follow from it."""

from patterns.queues import Queue, Queues

SHOP = Queues(
    Queue(name="default", why="what concerns no other queue"),
    Queue(name="mail", why="a mail never waits for anything but mails"),
    Queue(name="purchasing", why="money, and what follows from it"),
    Queue(name="admin", why="slow work of the back office, which starves nobody here"),
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

# Until Redis hands out again what was taken and never acknowledged (a worker that died by
# `kill -9`). Must be longer than the longest delay of a retry and its run: `shop.E005`.
VISIBILITY_TIMEOUT_SECONDS = 3600
