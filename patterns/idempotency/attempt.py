"""One run's hold on an effect: the right to record its result, for as long as nobody took over."""

import json
import logging
from typing import Any
from uuid import UUID

from django.db import Error, connections, transaction

from .errors import EffectNotRecorded, LeaseLost, NoTransactionOpen, ResultDiffers

logger = logging.getLogger(__name__)

# The token stays: a transaction that rolled back may be tried again, and records again.
RECORD = """
UPDATE idempotency_effect SET result = %s, recorded_at = clock_timestamp()
WHERE key = %s AND lease = %s
"""
RELEASE = """
UPDATE idempotency_effect SET lease = NULL, leased_until = NULL, holder = ''
WHERE key = %s AND lease = %s AND recorded_at IS NULL
"""
# Of an attempt that did nothing. The first one is forgotten whole, and its key is new again; behind
# others, of which nobody knows what they did, it counts for nothing.
FORGET = """
DELETE FROM idempotency_effect
WHERE key = %s AND lease = %s AND recorded_at IS NULL AND attempts = 1
"""
UNCOUNT = """
UPDATE idempotency_effect
SET lease = NULL, leased_until = NULL, holder = '', attempts = attempts - 1
WHERE key = %s AND lease = %s AND recorded_at IS NULL
"""
RECORDED = """
SELECT 1 FROM idempotency_effect WHERE key = %s AND lease = %s AND recorded_at IS NOT NULL
"""


class Attempt:
    """What `ledger.effect()` gives to the body.

    `key` goes to the far side; `is_recorded` tells that it was done, and `result` what came of it.
    """

    def __init__(self, key: str, database: str, token: UUID | None, result: Any = None) -> None:
        """Hold the key by `token`; without one there is a result and nothing to do."""
        self.key = key
        self.database = database
        self.token = token
        self.is_recorded = token is None
        self.result = result
        self._is_committed = self.is_recorded

    def record(self, result: Any) -> None:
        """Record the result, anything that JSON can say, in the caller's open transaction.

        Of an effect that was recorded before, the same result is taken and nothing is written.
        Raises NoTransactionOpen, LeaseLost (transient), ResultDiffers; TypeError where JSON cannot
        say it. Crash or rollback before the commit: not recorded, the far side is asked again.
        """
        text = json.dumps(result)
        if self._is_committed:
            return self._require_same(text)
        connection = connections[self.database]
        if not connection.in_atomic_block:
            raise NoTransactionOpen(
                f"The result of effect {self.key!r} was to be recorded outside a transaction on"
                f" database {self.database!r}: record it together with what follows from it, in"
                " `with task.completing():` or `with transaction.atomic():`."
            )
        with connection.cursor() as cursor:
            cursor.execute(RECORD, [text, self.key, self.token])
            if cursor.rowcount != 1:
                raise self._lease_lost()
        self.is_recorded, self.result = True, json.loads(text)
        transaction.on_commit(self._note_commit, using=self.database)

    def release(self, *, nothing_was_done: bool = False) -> None:
        """Give the lease back, so that the next attempt need not wait for its end.

        `nothing_was_done`: nor does the far side's memory of the key begin with this attempt.
        Never raises a database error: the one that led here matters more, and the lease ends by
        itself.
        """
        try:
            # What was recorded was done, whatever became of the record.
            if nothing_was_done and not self.is_recorded:
                self._run_first(FORGET, UNCOUNT)
            else:
                self._run_first(RELEASE)
        except Error as error:
            logger.warning("The lease of effect %r lasts until its end: %s", self.key, error)

    def require_record(self) -> None:
        """Raise EffectNotRecorded where the body ended well and no result was committed.

        LeaseLost where one was recorded and rolled back, and another run has taken over since.
        """
        if self._is_committed:
            return
        if self._run_first(RELEASE) or not self.is_recorded:
            raise EffectNotRecorded(
                f"Effect {self.key!r} was begun, and its result is not recorded: call"
                " effect.record(result) in the transaction that completes the task."
            )
        # Recorded, and no commit noted: nor is one in Django's TestCase, so the row decides.
        if not self._run_first(RECORDED):
            raise self._lease_lost()

    def _require_same(self, text: str) -> None:
        if json.loads(text) != self.result:
            raise ResultDiffers(
                f"Effect {self.key!r} has the result {self.result!r:.200}, not {text:.200}: give"
                " every effect a key of its own."
            )

    def _lease_lost(self) -> LeaseLost:
        return LeaseLost(
            f"Effect {self.key!r} was taken over by another run: lease_seconds was shorter than"
            " this attempt took. What this run did is rolled back."
        )

    def _note_commit(self) -> None:
        self._is_committed = True

    def _run_first(self, *statements: str) -> bool:
        """Run the first that fits this hold on the row; return whether one did."""
        if self.token is None:
            return False
        connection = connections[self.database]
        if not connection.in_atomic_block:
            # What went wrong may have been the connection.
            connection.close_if_unusable_or_obsolete()
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement, [self.key, self.token])
                if cursor.rowcount:
                    return True
        return False
