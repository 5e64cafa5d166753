"""A small project's queues and processes, in which a test puts something wrong."""

from typing import Any

from celery import Celery
from celery.app.registry import TaskRegistry

from patterns.queues import Process, Queue, Queues


class OwnTasks(TaskRegistry):
    """Holds this project's tasks: Celery offers it those that other tests share."""

    def __setitem__(self, name: str, task: Any) -> None:
        if name.startswith(("lanes.", "celery.")):
            super().__setitem__(name, task)


tasks: Any = OwnTasks()
app = Celery("lanes", broker="memory://", set_as_current=False, tasks=tasks)
APP = __name__
MAIL = Queue(name="mail", why="mails wait for mails alone", app=APP, calls_outside=True)
SLOW = Queue(name="slow", why="what starves the others", app=APP, concurrency=2)
LISTS = (Queues(MAIL, SLOW),)
PROCESSES = (
    Process(
        name="web",
        why="answers: 100 % of the requests",
        command="gunicorn web:app",
        container_environment={"HOST": "0.0.0.0"},
        port=8000,
        live_path="/live",
        ready_path="/ready",
    ),
    *LISTS[0].processes(stop_seconds=22.5, deployed_environment={"SECONDS": "20"}),
    Process(name="relay", why="publishes", command="python manage.py relay"),
    Process(name="beat", why="the clock", command=f"celery -A {APP} beat", is_single=True),
    Process(name="flower", why="shows", command=f"celery -A {APP} flower", behind="web"),
)
