"""Another app of the same project."""

from typing import Any

from celery import Celery

from .lanes import OwnTasks

tasks: Any = OwnTasks()
app = Celery("other_lanes", broker="memory://", set_as_current=False, tasks=tasks)


@app.task(name="lanes.of_both", queue="mail", shared=False)
def of_both() -> None:
    """A task that both apps of the project know."""
