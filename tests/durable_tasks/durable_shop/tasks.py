"""Tasks that do what tests need done to them."""

import os
import signal
import sys
import time
from pathlib import Path

from durable_shop.celery import app
from durable_shop.models import Note


def write(text):
    Note.objects.create(text=text)


@app.task(name="shop.write_note")
def write_note(text, then=None):
    """Write; then do something bad: its end and its effect commit together."""
    write(text)
    misbehave(then)
    return text


@app.task(name="shop.contact", atomic=False, bind=True)
def contact(self, text, then=None, after=None):
    """Contact the outside (a file), then complete."""
    with Path(os.environ["DURABLE_TEST_OUTSIDE"]).open("a") as outside:
        outside.write(f"{text}\n")
    misbehave(then)
    with self.completing() as completion:
        write(text)
        completion.result = text
        if after:
            write_note.delay(after)
    misbehave("raise" if then == "raise after" else None)


@app.task(name="shop.retry", bind=True, max_retries=3)
def retry(self, how, text="retried"):
    """Retry once, in one of Celery's ways; every attempt writes."""
    write(f"{text} {self.request.retries}")
    if self.request.retries == 0:
        if how == "raise":
            raise self.retry(countdown=0.1)
        if how == "no throw":
            self.retry(countdown=0.1, throw=False)
        if how == "caught":
            try:
                self.retry(countdown=0.1)
            except Exception:
                return
        if how == "arguments":
            raise self.retry(args=["raise", "changed"], countdown=0.1)


@app.task(
    name="shop.autoretry",
    bind=True,
    autoretry_for=(OSError,),
    retry_backoff=False,
    default_retry_delay=0.1,
    max_retries=2,
)
def autoretry(self, text):
    """Fail always, with an error that is retried."""
    write(f"{text} {self.request.retries}")
    raise OSError("away")


@app.task(name="shop.chained")
def chained(before, text):
    """Write what the step before returned."""
    write(f"{before}>{text}")
    return f"{before}>{text}"


@app.task(name="shop.plain", durable=False)
def plain(text):
    """An ordinary Celery task."""
    write(text)


@app.task(name="shop.hand_on", bind=True)
def hand_on(self, text):
    """Give a plain task the headers of one's own, as one does for the sake of a trace."""
    plain.apply_async([text], headers=self.request.headers)


@app.task(name="shop.log_in")
def log_in(user, password):
    """Take a secret."""
    write(user)


def misbehave(how):
    if how == "raise":
        raise ValueError("told to")
    if how == "memory":
        raise MemoryError("told to")
    if how == "exit":
        sys.exit(3)
    if how == "recursion":
        misbehave(how)
    if how == "kill process":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "kill worker":
        os.kill(os.getppid(), signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "sleep":
        time.sleep(float(os.environ.get("DURABLE_TEST_SLEEP", "5")))
    if isinstance(how, str) and how.startswith("wait for "):
        while not Path(how.removeprefix("wait for ")).exists():
            time.sleep(0.02)


@app.task(name="shop.hold_lock")
def hold_lock(note_id):
    """Hold a row's lock for a while."""
    Note.objects.select_for_update().get(pk=note_id)
    print("holds the lock", file=sys.__stderr__, flush=True)
    misbehave("sleep")
    write("written under the lock")


@app.task(name="shop.retry_commit", default_retry_delay=0.1)
def retry_commit(text):
    """Write what the database may refuse at the COMMIT."""
    write(text)


def need(text, path):
    write(text)
    if not Path(path).exists():
        raise ValueError(f"{path} is not there")


@app.task(name="shop.needs")
def needs(text, path):
    """Write, and fail until a file is there."""
    need(text, path)


@app.task(name="shop.plain_needs", durable=False)
def plain_needs(text, path):
    """The same as an ordinary task."""
    need(text, path)


def hooked(name):
    """Return what writes down that it was called; a bad call is refused."""

    def hook(self, each):
        for args, _ in each:
            write(f"{name} {args[0]}")
            if args[0] == "bad":
                raise LookupError("a bad one")

    return hook


@app.task(name="shop.hooked", on_replay=hooked("replayed"), on_discard=hooked("discarded"))
def with_hooks(text):
    """Write; tell what is done to its failed rows."""
    write(text)
