"""Django's tasks, in a module that no Celery worker is told of."""

import sys

import django
from celery.exceptions import SoftTimeLimitExceeded

from durable_shop.models import Note
from durable_shop.tasks import misbehave

if django.VERSION < (6, 0):
    from django_tasks import task
else:
    from django.tasks import task


class OwnError(Exception):
    """An error of a module's own."""


@task
def write(text, then=None):
    """Write; then do something bad."""
    Note.objects.create(text=text)
    misbehave(then)
    return text


@task
async def awrite(text):
    """Write, as a coroutine."""
    await Note.objects.acreate(text=text)
    return [text]


@task(backend="outside")
def contact(text, then=None):
    """Write in no transaction: what it wrote stays."""
    Note.objects.create(text=text)
    misbehave(then)
    return text


@task(takes_context=True)
def told(context, secret_token=""):
    """Return what the context says."""
    return [context.task_result.id, context.attempt, context.task_result.status]


@task(backend="retried")
def fails(how):
    """Fail, always."""
    if how == "own":
        raise OwnError("of two\nlines")
    if how == "exit":
        sys.exit("told to")
    if how == "slow":
        raise SoftTimeLimitExceeded("of 300 seconds")
    if how == "away":
        raise ConnectionError("away")
    raise ValueError("told to")


@task(backend="once")
def forgotten():
    """Return what nobody keeps."""
    return "gone"


@task
def returns_set():
    """Return what is no JSON."""
    Note.objects.create(text="rolled back")
    return {1}


@task(queue_name="mail", priority=10)
def mailed(*args, **kwargs):
    """Be elsewhere, and sooner."""


def undecorated():
    """Be decorated under another name."""


renamed = task(undecorated)
