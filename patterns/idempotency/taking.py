"""Take the lease of a key, or find out why not, in a short transaction of its own."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple
from uuid import uuid4

from django.db import OperationalError, connections, router, transaction

from .attempt import Attempt
from .errors import EffectInProgress, KeyTooOld, TransactionOpen
from .models import Effect

# A run that is recording holds the row for the moment of its commit; one that is frozen in there,
# for ever. Whoever waits for it holds a worker.
LOCK_WAIT_SECONDS = 5
LOCK_NOT_AVAILABLE = "55P03"

# The row, made where there is none, and locked: who comes second sees what the first one wrote.
# clock_timestamp(): now() would be the time before the wait for the lock.
LOCK = """
INSERT INTO idempotency_effect AS known (key, first_tried_at, attempts, holder)
VALUES (%s, clock_timestamp(), 0, '')
ON CONFLICT (key) DO UPDATE SET attempts = known.attempts
RETURNING result, holder,
    coalesce(extract(epoch FROM leased_until - clock_timestamp()), 0)::float8,
    extract(epoch FROM clock_timestamp() - first_tried_at)::float8
"""
LEASE = """
UPDATE idempotency_effect
SET lease = %s, leased_until = clock_timestamp() + %s * interval '1 second', holder = %s,
    attempts = attempts + 1, last_tried_at = clock_timestamp()
WHERE key = %s
"""


class Known(NamedTuple):
    """What the ledger knows of a key."""

    result: str | None
    holder: str
    leased_for_seconds: float
    age_seconds: float


def take(key: str, *, keeps_key_hours: float, lease_seconds: float, holder: str) -> Attempt:
    """Return the hold on a key, with its result where one is recorded."""
    database = router.db_for_write(Effect)
    token = uuid4()
    with own_transaction(key, database), connections[database].cursor() as cursor:
        known = lock(cursor, key)
        if known.result is not None:
            return Attempt(key, database, None, json.loads(known.result))
        if known.leased_for_seconds > 0 and not (holder and holder == known.holder):
            raise in_progress(key, known.leased_for_seconds)
        # What is asked now may reach the far side as late as the lease lasts.
        if known.age_seconds + lease_seconds >= keeps_key_hours * 3600:
            raise too_old(key, known.age_seconds, keeps_key_hours)
        cursor.execute(LEASE, [token, lease_seconds, holder, key])
    return Attempt(key, database, token)


@contextmanager
def own_transaction(key: str, database: str) -> Iterator[None]:
    """Commit what is written here before the body begins; refuse where somebody else would."""
    connection = connections[database]
    refusal = TransactionOpen(
        f"Effect {key!r} was begun in an open transaction: set atomic=False on the task, or end"
        " the transaction first, so that what the far side does cannot be rolled back here."
    )
    if not connection.in_atomic_block and not connection.get_autocommit():
        raise refusal
    with ExitStack() as stack:
        try:
            # Durable: Django refuses any transaction around it but the one of its TestCase.
            stack.enter_context(transaction.atomic(using=database, durable=True))
        except RuntimeError as error:
            raise refusal from error
        yield


def lock(cursor: Any, key: str) -> Known:
    """Lock the key's row and return what it says."""
    cursor.execute("SELECT set_config('lock_timeout', %s, true)", [f"{LOCK_WAIT_SECONDS}s"])
    try:
        cursor.execute(LOCK, [key])
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", "") != LOCK_NOT_AVAILABLE:
            raise
        raise in_progress(key, LOCK_WAIT_SECONDS) from error
    return Known(*cursor.fetchone())


def in_progress(key: str, seconds: float) -> EffectInProgress:
    """Return the error for a key that another run holds."""
    return EffectInProgress(
        f"Effect {key!r} is being done by another run, whose lease ends in {seconds:.0f} s: try"
        " again then, as a base task does that retries what has is_permanent = False.",
        retry_after_seconds=seconds,
    )


def too_old(key: str, age_seconds: float, keeps_key_hours: float) -> KeyTooOld:
    """Return the error for a key that the far side may not know any more."""
    return KeyTooOld(
        f"Effect {key!r} was first tried {age_seconds / 3600:.1f} h ago, and the far side"
        f" remembers a key for {keeps_key_hours:g} h: a repeat could do it twice. Look there"
        " whether it was done; then settle() or forget() the key (resolving.py) and replay the"
        " task."
    )
