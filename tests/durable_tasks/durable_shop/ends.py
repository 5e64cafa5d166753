"""Tasks that end in every way there is."""

import os
import signal
import sys
import time
from pathlib import Path

from celery.exceptions import Ignore, SoftTimeLimitExceeded
from django.db import connection, connections, transaction

from durable_shop.celery import app
from durable_shop.models import Note
from durable_shop.tasks import write, write_note


class Text(Exception):
    """An error whose text cannot be had."""

    def __str__(self):
        raise ValueError("no text")


def raise_(error):
    raise error


ENDS = {
    "memory": lambda: raise_(MemoryError("told to")),
    "exit": lambda: sys.exit(3),
    "exit as the pool": lambda: sys.exit(-241),
    "keyboard": lambda: raise_(KeyboardInterrupt()),
    "recursion": lambda: ENDS["recursion"](),
    "no text": lambda: raise_(Text()),
    "nul": lambda: raise_(ValueError("a\0b\ud800")),
    "soft limit": lambda: raise_(SoftTimeLimitExceeded()),
}


@app.task(name="ends.atomic")
def atomic(how):
    """Write, then end badly."""
    write(how)
    ENDS[how]()


@app.task(name="ends.at_commit", autoretry_for=(OSError,), default_retry_delay=0.1, max_retries=2)
def at_commit(how):
    """Write; what goes wrong does so in COMMIT, or after it."""
    write(f"{how} {at_commit.request.retries}")
    _break_commit(how)


@app.task(name="ends.completing_at_commit", atomic=False, bind=True)
def completing_at_commit(self, how):
    """The same in a completing block; then go on as if nothing had been."""
    try:
        with self.completing():
            write(how)
            write_note.delay(f"after {how}")
            _break_commit(how)
    except Exception as error:
        with Path(os.environ["DURABLE_TEST_OUTSIDE"]).open("a") as outside:
            outside.write(f"{type(error).__name__}\n")


def _break_commit(how):
    """Break the COMMIT of this transaction: before the server has it, or before it has answered."""
    if how == "hook":
        transaction.on_commit(lambda: raise_(OSError("hook")))
        return
    if at_commit.request.retries and how == "killed before":
        return
    real = connection.connection
    commit = real.commit

    def broken():
        real.__dict__.pop("commit", None)
        connection.connection = real
        if how != "killed before":
            commit()
        if how.startswith("killed"):
            _kill(real.info.backend_pid)
            real.execute("SELECT 1")
        raise_(SoftTimeLimitExceeded() if how == "soft limit" else OSError("in COMMIT"))

    connection.connection = Proxy(real, broken)


class Proxy:
    """A connection whose commit is another."""

    def __init__(self, real, commit):
        self.__dict__.update(real=real, commit=commit)

    def __getattr__(self, name):
        return getattr(self.real, name)

    def __setattr__(self, name, value):
        setattr(self.real, name, value)


def _kill(pid):
    other = connections.create_connection("default")
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    other.close()


class CutOff(app.Task):
    """Its session with the database is ended after the claim, until so many retries."""

    abstract = True
    cut_off_until = 2

    def run_claimed(self, run):
        """End the session before BEGIN."""
        if run.claim.retries < self.cut_off_until:
            connection.ensure_connection()
            _kill(connection.connection.info.backend_pid)
        return super().run_claimed(run)


@app.task(name="ends.cut_off", base=CutOff, bind=True, default_retry_delay=0.1, max_retries=2)
def cut_off(self, text):
    """Write the argument, and how often it was retried."""
    write(f"{text} {self.request.retries}")


class CutOffForGood(CutOff):
    """The same, and always."""

    abstract = True
    cut_off_until = 99


@app.task(name="ends.cut_off_for_good", base=CutOffForGood, default_retry_delay=0.1, max_retries=2)
def cut_off_for_good(text):
    """Never get there."""
    write(text)


@app.task(name="ends.misused", atomic=False, bind=True)
def misused(self, how):
    """Complete where it cannot be."""
    if how == "open":
        with transaction.atomic(), self.completing():
            write(how)
    with self.completing():
        write(how)
    if how == "twice":
        with self.completing():
            write("second")


@app.task(name="ends.misused_atomic", bind=True)
def misused_atomic(self):
    """Complete in an atomic task."""
    with self.completing():
        write("never")


@app.task(name="ends.slow", bind=True, default_retry_delay=0.1)
def slow(self, text, path):
    """Write, and wait for a file."""
    write(text)
    Path(path + ".pid").write_text(str(os.getpid()))
    while not Path(path).exists():
        time.sleep(0.02)


@app.task(name="ends.slow_outside", atomic=False, bind=True)
def slow_outside(self, text, path):
    """Wait for a file, outside a transaction; then complete."""
    outside = Path(os.environ["DURABLE_TEST_OUTSIDE"])
    with outside.open("a") as file:
        file.write(f"{text} {os.getpid()}\n")
    Path(path + ".pid").write_text(str(os.getpid()))
    while not Path(path).exists():
        time.sleep(0.02)
    with self.completing():
        write(text)


@app.task(name="ends.goes_on", atomic=False, bind=True)
def goes_on(self, path):
    """Complete; then go on until there is a file."""
    with self.completing():
        write("completed")
    while not Path(path).exists():
        time.sleep(0.02)
    write(f"went on, {os.getpid()}")


@app.task(name="ends.locking")
def locking(text, path):
    """Hold a row's lock; the first run waits for a file."""
    list(Note.objects.select_for_update().filter(text="locked"))
    if not Path(path + ".pid").exists():
        Path(path + ".pid").write_text(str(os.getpid()))
        while not Path(path).exists():
            time.sleep(0.02)
    write(text)


@app.task(name="ends.holds_lock_in_c", time_limit=60)
def holds_lock_in_c(path):
    """Hold the interpreter's lock in C, once."""
    if not Path(path).exists():
        Path(path).write_text(str(os.getpid()))
        import ctypes

        ctypes.PyDLL(None).sleep(30)
    write("second run")


@app.task(name="ends.plain_in_c", durable=False)
def plain_in_c(seconds):
    """Hold the interpreter's lock in C, without a lease."""
    import ctypes

    ctypes.PyDLL(None).sleep(seconds)
    write(str(os.getpid()))


@app.task(name="ends.killed", max_crashes=3)
def killed(who):
    """Kill this process, or the whole worker."""
    with Path(os.environ["DURABLE_TEST_OUTSIDE"]).open("a") as outside:
        outside.write(f"{who}\n")
    if who == "worker":
        os.kill(os.getppid(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGTERM if who == "term" else signal.SIGKILL)
    time.sleep(10)


@app.task(name="ends.hard_limit", time_limit=1, soft_time_limit=None)
def hard_limit():
    """Take too long for a hard limit."""
    write("too long")
    time.sleep(20)


@app.task(name="ends.soft_limit", time_limit=30, soft_time_limit=1)
def soft_limit():
    """Take too long for a soft limit."""
    write("too long")
    time.sleep(20)


@app.task(name="ends.late_in_statement", time_limit=90, soft_time_limit=1)
def late_in_statement():
    """Take too long in a statement that holds a lock."""
    _lock_and_take_long()


@app.task(name="ends.late_in_own_block", atomic=False, time_limit=90, soft_time_limit=1)
def late_in_own_block():
    """The same in a transaction of the body's own."""
    with transaction.atomic():
        _lock_and_take_long()


@app.task(name="ends.late_in_no_block", atomic=False, time_limit=90, soft_time_limit=1)
def late_in_no_block():
    """The same in a statement that commits by itself."""
    _take_long("SELECT pg_sleep(120) FROM (SELECT FROM durable_shop_note FOR UPDATE) AS locked")


@app.task(name="ends.late_in_completing", atomic=False, time_limit=90, soft_time_limit=1)
def late_in_completing():
    """The same in a completing block."""
    with late_in_completing.completing():
        _lock_and_take_long()


@app.task(name="ends.late_and_renamed", time_limit=90, soft_time_limit=1, max_retries=1)
def late_and_renamed():
    """Make another error of it, and be retried."""
    try:
        _lock_and_take_long()
    except SoftTimeLimitExceeded as late:
        raise late_and_renamed.retry(countdown=3600) from late


@app.task(name="ends.killed_in_statement", time_limit=1, soft_time_limit=None)
def killed_in_statement():
    """Take too long for a hard limit, in a statement that holds a lock."""
    _lock_and_take_long()


def _lock_and_take_long():
    list(Note.objects.select_for_update())
    _take_long("SELECT pg_sleep(120)")


def _take_long(statement):
    with connection.cursor() as cursor:
        cursor.execute(statement)


@app.task(name="ends.pid", atomic=False)
def pid():
    """Write this process's id."""
    write(str(os.getpid()))


@app.task(name="ends.ignored")
def ignored(text):
    """Write, and say that nobody need know."""
    write(text)
    raise Ignore


@app.task(name="ends.leaves_open", atomic=False)
def leaves_open(text):
    """Begin a transaction by hand, and fail without ending it."""
    connection.set_autocommit(False)
    write(text)
    raise ValueError("told to")
