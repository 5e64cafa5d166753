"""The Celery app, which names Flower's configuration so that no Flower starts without it."""

import os
from pathlib import Path

from celery import Celery

from patterns.flower_auth.closed import refuse_open_flower

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")

app = Celery("project", broker=os.environ["BROKER_URL"])
app.conf.update(
    worker_send_task_events=True,
    broker_connection_retry_on_startup=True,
    task_ignore_result=True,
)
refuse_open_flower(Path(__file__).with_name("flower.py"))


@app.task(name="project.greet")
def greet(name: str) -> None:
    """Do nothing that can fail."""
