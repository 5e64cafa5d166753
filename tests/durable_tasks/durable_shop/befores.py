"""Tasks before whose bodies something ends badly: in a receiver of a signal, or their own hook."""

import os
import signal
import time
from pathlib import Path

from celery import signals

from durable_shop.celery import app
from durable_shop.tasks import misbehave, write


@app.task(name="befores.received")
def received(how):
    """Write; what happens before it is the receiver's."""
    write("received")


@signals.task_prerun.connect
def before(sender, **_):
    """Do what the file says: a durable task's arguments are not known yet."""
    path = Path(os.environ.get("DURABLE_TEST_OUTSIDE", "")).with_name("before")
    if sender.name != "befores.received" or not path.exists():
        return
    with path.with_name("outside").open("a") as outside:
        outside.write("met\n")
    how = path.read_text()
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "hang":
        time.sleep(60)
    misbehave(how)


def prepare(self, task_id, args, kwargs):
    """Write what is known, then end badly where the first argument says so."""
    with Path(os.environ["DURABLE_TEST_OUTSIDE"]).open("a") as outside:
        outside.write(f"met {args[0]}\n")
    write(f"prepared for {args[0]}, {task_id == self.request.id}")
    misbehave(args[0])


@app.task(name="befores.prepared", before_start=prepare)
def prepared(how):
    """Write."""
    write("ran")


@app.task(name="befores.plain_prepared", before_start=prepare, durable=False)
def plain_prepared(how):
    """Write."""
    write("ran")
