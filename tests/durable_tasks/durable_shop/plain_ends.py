"""Plain Celery tasks that end badly in every way that Celery tells of."""

import os
import signal
import time
from pathlib import Path

from celery import Task
from celery.exceptions import Reject

from durable_shop.celery import app
from durable_shop.models import Note


class Unpicklable(Exception):
    """An error that Celery cannot send to the worker's main process as it is."""

    def __init__(self, path, why):
        super().__init__(f"{path}: {why}")
        self.file = Path(path).open()  # noqa: SIM115  what makes it so


@app.task(name="plain.fails", durable=False)
def fails(how, password=None):
    """Fail."""
    if how == "value":
        raise ValueError("no such order")
    if how == "unpicklable":
        raise Unpicklable("/dev/null", "unreadable")
    if how == "dirty":
        raise ValueError("nul \0, surrogate \ud800, " + "long " * 2000)
    if how == "exit":
        raise SystemExit(3)
    if how == "memory":
        raise MemoryError("told to")
    if how == "recursion":
        fails(how)


@app.task(name="plain.retries", durable=False, autoretry_for=(OSError,), max_retries=1)
def retries():
    """Fail as often as it may."""
    raise OSError("away")


retries.default_retry_delay = 0


@app.task(name="plain.hard_limit", durable=False, time_limit=1)
def hard_limit(text):
    """Take too long."""
    time.sleep(20)


@app.task(name="plain.soft_limit", durable=False, soft_time_limit=1)
def soft_limit(text):
    """Take too long."""
    time.sleep(20)


@app.task(name="plain.killed", durable=False)
def killed(text):
    """Kill this process."""
    os.kill(os.getpid(), signal.SIGKILL)


@app.task(name="plain.rejects", durable=False)
def rejects(text):
    """Give its message up."""
    raise Reject(ValueError("not mine"), requeue=False)


@app.task(name="plain.unserialisable", durable=False, ignore_result=False)
def unserialisable():
    """Return what no result backend takes."""
    return object()


@app.task(name="plain.fails_with_result", durable=False, ignore_result=False)
def fails_with_result():
    """Fail, with a result backend that is to be told."""
    raise ValueError("no such order")


@app.task(name="plain.sleeps", durable=False)
def sleeps(text):
    """Wait to be terminated."""
    Note.objects.create(text=f"sleeps {os.getpid()}")
    time.sleep(20)


@app.task(name="plain.until", durable=False)
def until(path, text):
    """Fail until a file exists."""
    if not Path(path).exists():
        raise FileNotFoundError(path)
    Note.objects.create(text=text)


@app.task(name="plain.foreign", base=Task, shared=False)
def foreign(text, password=None):
    """Fail, with a base class that knows nothing of durable tasks."""
    raise ValueError("foreign")


@app.task(name="durable.unserialisable", ignore_result=False)
def durable_unserialisable(text):
    """Write, and return what no result backend takes."""
    Note.objects.create(text=text)
    return object()


@app.task(name="durable.serialisable", ignore_result=False)
def durable_serialisable(text):
    """Write, and return it."""
    Note.objects.create(text=text)
    return {"text": text}
