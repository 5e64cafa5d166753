"""A task that goes on for longer than it may, for workers of every pool."""

import os
import time
from pathlib import Path

from celery import Celery

FOLDER = Path(os.environ["QUEUES_TEST_FOLDER"])
app = Celery("limited", broker="filesystem://", set_as_current=False)
app.conf.update(
    broker_transport_options={
        "data_folder_in": str(FOLDER / "messages"),
        "data_folder_out": str(FOLDER / "messages"),
        "control_folder": str(FOLDER / "control"),
    },
    task_ignore_result=True,
    worker_hijack_root_logger=False,
)


@app.task(name="limited.work", time_limit=1, shared=False)
def work(name: str) -> None:
    """Take three seconds, of one that it may take."""
    (FOLDER / f"{name}.begun").touch()
    time.sleep(3)
    (FOLDER / f"{name}.ended").touch()
