"""Do an effect outside the database once for its key."""

from collections.abc import Iterator
from contextlib import contextmanager

from .attempt import Attempt
from .models import KEY_LENGTH
from .taking import take

# Longer than most clients wait for an answer, which is what a lease must outlast.
LEASE_SECONDS = 60


@contextmanager
def effect(
    key: str, *, keeps_key_hours: float, lease_seconds: float = LEASE_SECONDS, holder: str = ""
) -> Iterator[Attempt]:
    """Let the body do the effect of this key, or give it the result that was recorded.

    `keeps_key_hours`: how long the far side remembers a key, as its documentation says.
    `lease_seconds`: longer than the call can take, with its timeouts. `holder`: the id of a task
    of which one run at a time is the current one (a durable task's `request.id`); its next run
    then takes over at once, instead of waiting for the lease of one that was killed.

    Raises TransactionOpen, EffectInProgress (transient), KeyTooOld; ValueError for a wrong
    argument; and where the body ends well and nothing is recorded EffectNotRecorded, or LeaseLost
    (transient) if another run has taken over.
    Crash: the lease ends by itself, and the next run asks the far side with the same key.
    Duplicate: gets EffectInProgress, and the result once that is recorded. Rollback of the
    transaction that records: nothing is recorded, and an error in the body gives the lease back.
    One whose `nothing_was_done` is True (a request that could not be sent, or was refused for its
    credentials) does not count as an attempt, and the key's age does not begin with it.
    """
    refuse_wrong_arguments(key, keeps_key_hours, lease_seconds)
    attempt = take(key, keeps_key_hours=keeps_key_hours, lease_seconds=lease_seconds, holder=holder)
    try:
        yield attempt
    except BaseException as error:
        attempt.release(nothing_was_done=getattr(error, "nothing_was_done", False) is True)
        raise
    attempt.require_record()


def refuse_wrong_arguments(key: str, keeps_key_hours: float, lease_seconds: float) -> None:
    """Raise ValueError for what the far side, or the ledger, could not work with."""
    if not (0 < len(key) <= KEY_LENGTH and key.isascii() and key.isprintable()):
        raise ValueError(
            f"Key {key[:300]!r} cannot travel as a header: use 1 to {KEY_LENGTH} printable ASCII"
            " characters, made from your own record's id."
        )
    if not 0 < lease_seconds < keeps_key_hours * 3600:
        raise ValueError(
            f"lease_seconds={lease_seconds} must be above 0 and below"
            f" keeps_key_hours={keeps_key_hours}: the far side must know the key for longer than"
            " one attempt takes."
        )
