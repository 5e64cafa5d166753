"""The one list of queues: routes, workers and the Procfile follow from it."""

from patterns.queues import Queue

SHOP = (
    Queue(name="default", why="what names no other queue"),
    Queue(name="mail", why="a mail never waits for anything but mails"),
    Queue(name="purchasing", why="money, and what follows from it"),
    Queue(name="admin", why="slow work of the back office, which starves nobody here"),
)
ANALYTICS = (Queue(name="analytics", why="the other team's events, on a broker of their own"),)
