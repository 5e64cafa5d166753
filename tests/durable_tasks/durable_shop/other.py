"""Another Celery app of the same project: a broker of its own, plain tasks."""

import os
from pathlib import Path

from patterns.durable_tasks.app import DurableCelery

app = DurableCelery(
    "other",
    broker=os.environ.get("DURABLE_TEST_OTHER_BROKER", "redis://127.0.0.1:1/0"),
    task_cls="patterns.durable_tasks.task:DurableTask",
    set_as_current=False,
)
app.conf.update(
    task_default_queue="other",
    task_ignore_result=True,
    broker_connection_retry_on_startup=True,
    imports=["durable_shop.models"],
)


@app.task(name="other.until", durable=False, shared=False)
def until(path, text):
    """Fail until a file exists."""
    from durable_shop.models import Note

    if not Path(path).exists():
        raise FileNotFoundError(path)
    Note.objects.create(text=text)
