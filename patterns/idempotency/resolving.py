"""What a person decides about an effect whose key is too old, once they looked at the far side."""

import json
from typing import Any

from django.db import connections, router

from .errors import NothingToResolve
from .models import Effect

SETTLE = """
UPDATE idempotency_effect
SET result = %s, recorded_at = clock_timestamp(), lease = NULL, leased_until = NULL, holder = ''
WHERE key = %s AND recorded_at IS NULL
    AND (leased_until IS NULL OR leased_until <= clock_timestamp())
"""
FORGET = """
DELETE FROM idempotency_effect
WHERE key = %s AND recorded_at IS NULL
    AND (leased_until IS NULL OR leased_until <= clock_timestamp())
"""


def settle(key: str, result: Any) -> None:
    """Record that the effect was done, with its result: a replayed task goes on from there.

    Raises NothingToResolve where nothing waits under the key. Duplicate: raises it too. Rollback
    of the caller's transaction: nothing is settled.
    """
    _write(SETTLE, key, json.dumps(result))


def forget(key: str) -> None:
    """Forget that the effect was tried, since it was not done: a replayed task begins anew.

    Raises NothingToResolve where nothing waits under the key: a recorded result is not forgotten.
    """
    _write(FORGET, key)


def _write(statement: str, key: str, *values: Any) -> None:
    with connections[router.db_for_write(Effect)].cursor() as cursor:
        cursor.execute(statement, [*values, key])
        if cursor.rowcount != 1:
            raise NothingToResolve(
                f"No effect {key!r} waits for a decision: it is unknown, recorded, or being done"
                " by a run whose lease lasts."
            )
