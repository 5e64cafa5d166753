"""The lab's tasks; each `token` is one promise: one effect, however often it runs."""

import os
import signal
import time

from celery.exceptions import Retry
from config.celery import app
from django.db import connection

from lab_app.events import effect, is_first_run, lock, tell

# A lost connection and a soft limit hit the COMMIT itself: a deferred trigger runs in it.
ON_COMMIT = "INSERT INTO lab_on_commit (what) VALUES (%s)"


@app.task(name="lab.effect", queue="default", atomic=True)
def one_effect(token: str) -> None:
    """Change the database once."""
    effect(token)


@app.task(name="lab.slow_effect", queue="default", atomic=True)
def slow_effect(token: str, seconds: float) -> None:
    """Change the database, and take time before the end."""
    tell("run", token)
    effect(token)
    lock(token)
    time.sleep(seconds)


@app.task(name="lab.slow_contact", queue="default", atomic=False, bind=True)
def slow_contact(self, token: str, seconds: float) -> None:
    """Contact somebody slow, then record it as one."""
    tell("run", token)
    time.sleep(seconds)
    with self.completing():
        effect(token)


@app.task(name="lab.kill_process", queue="default", atomic=False)
def kill_process(token: str) -> None:
    """Kill the process that runs this, as a segmentation fault or the kernel would."""
    tell("run", token)
    os.kill(os.getpid(), signal.SIGKILL)


@app.task(name="lab.kill_worker", queue="default", atomic=False)
def kill_worker(token: str) -> None:
    """Kill the whole worker."""
    tell("run", token)
    os.killpg(os.getpgrp(), signal.SIGKILL)


@app.task(name="lab.retry_in_atomic", queue="default", atomic=True, bind=True)
def retry_in_atomic(self, token: str) -> None:
    """Change the database, then ask for another run, the first time."""
    is_first = is_first_run(token)
    effect(token)
    if is_first:
        raise self.retry(countdown=1)


@app.task(name="lab.catch_retry", queue="default", atomic=True, bind=True)
def catch_retry(self, token: str) -> None:
    """Ask for another run and go on as if nothing was, the first time."""
    is_first = is_first_run(token)
    effect(token)
    if is_first:
        try:
            self.retry(countdown=1)
        except (Retry, Exception):
            return


@app.task(name="lab.commit_is_cut_off", queue="default", atomic=True)
def commit_is_cut_off(token: str) -> None:
    """Lose the connection amid COMMIT, before it takes hold, the first time."""
    is_first = is_first_run(token)
    effect(token)
    if is_first:
        with connection.cursor() as cursor:
            cursor.execute(ON_COMMIT, ["die"])


@app.task(name="lab.commit_fails", queue="default", atomic=True, autoretry_for=(Exception,))
def commit_fails(token: str) -> None:
    """Break a deferred constraint, which is found at COMMIT, the first time."""
    is_first = is_first_run(token)
    effect(token)
    if is_first:
        with connection.cursor() as cursor:
            cursor.execute(ON_COMMIT, ["fail"])


@app.task(
    name="lab.limit_in_commit", queue="default", atomic=True, soft_time_limit=2, time_limit=30
)
def limit_in_commit(token: str) -> None:
    """Reach the soft limit amid a COMMIT that takes long, each time."""
    tell("run", token)
    effect(token)
    with connection.cursor() as cursor:
        cursor.execute(ON_COMMIT, ["wait"])


@app.task(name="lab.commit_unheard", queue="default", atomic=True)
def commit_unheard(token: str) -> None:
    """Lose the answer to a COMMIT that took hold: the lab's proxy cuts on this mark."""
    is_first = is_first_run(token)
    effect(token)
    if is_first:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 'crash_lab:cut after commit'")


if not os.environ.get("LAB_IS_OLD"):

    @app.task(name="lab.only_new", queue="default", atomic=True)
    def only_new(token: str) -> None:
        """Be known to the new release alone."""
        effect(token)
