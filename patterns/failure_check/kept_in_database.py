"""The alarms as rows, and the one row by which one of several processes claims the next run."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.db import connections, transaction

from . import configuration
from .records import Record, Records

# Longer than any run: each of its parts is bounded.
LEASE_SECONDS = 90
# A statement that was frozen with its server must not come true when that goes on.
PATIENCE_SECONDS = 5
# After so long without a run nothing is known of the silence of others. Four periods, if longer.
GAP_SECONDS = 120

# A stand-by claims where the other is silent, or does not check although it lives. What is far in
# the future is from before the server's clock was set back: it is not waited for.
_CLAIM = """
INSERT INTO failure_check_run AS r (id, at, by, watched_since, leased_until)
VALUES (1, now(), %(by)s, now(), now() + make_interval(secs => %(lease)s))
ON CONFLICT (id) DO UPDATE SET at = now(), by = excluded.by, leased_until = excluded.leased_until,
    watched_since = CASE
        WHEN r.at BETWEEN now() - make_interval(secs => %(gap)s)
            AND now() + make_interval(secs => %(gap)s)
        THEN r.watched_since ELSE now() END
WHERE r.at > now() + make_interval(secs => %(gap)s)
    OR r.at <= now() - make_interval(secs => %(period)s)
    AND (r.leased_until IS NULL OR r.leased_until < now())
    AND (%(other)s = '' OR r.at <= now() - make_interval(secs => 3 * %(period)s)
        OR NOT EXISTS (SELECT FROM failure_check_heartbeat h WHERE h.name = %(other)s
            AND greatest(h.at, r.watched_since) > now() - make_interval(secs => %(silence)s)))
RETURNING at
"""
_END = "UPDATE failure_check_run SET leased_until = NULL WHERE id = 1 AND by = %s AND at = %s"
_RESUME = "UPDATE failure_check_run SET watched_since = now() WHERE id = 1"
_COLUMNS = "name, source, severity, sentence, remedy, raised_at, told_at, cleared_at, told, owed"
_LOAD = f"SELECT {_COLUMNS} FROM failure_check_alarm"  # noqa: S608  constants
_SAVE = f"""
INSERT INTO failure_check_alarm ({_COLUMNS})
VALUES (%(name)s, %(source)s, %(severity)s, %(sentence)s, %(remedy)s, %(raised_at)s, %(told_at)s,
    %(cleared_at)s, %(told)s, %(owed)s)
ON CONFLICT (name) DO UPDATE SET source = excluded.source, severity = excluded.severity,
    sentence = excluded.sentence, remedy = excluded.remedy, raised_at = excluded.raised_at,
    told_at = excluded.told_at, cleared_at = excluded.cleared_at, told = excluded.told,
    owed = excluded.owed
"""  # noqa: S608
_DELETE = "DELETE FROM failure_check_alarm WHERE name = ANY(%s)"


def claim(by: str, instead_of: str, silence_seconds: float) -> datetime | None:
    """Claim the run that is due; return its time, or None where none is, or it is another's.

    A stand-by names the process `instead_of` which it checks. Crash: the next run is claimed once
    the lease has ended.
    """
    period = configuration.period_seconds()
    values = {
        "by": by,
        "period": period,
        "lease": LEASE_SECONDS,
        "gap": gap_seconds(),
        "other": instead_of,
        "silence": silence_seconds,
    }
    with _cursor() as cursor:
        cursor.execute(_CLAIM, values)
        row = cursor.fetchone()
        return row[0] if row else None


def gap_seconds() -> float:
    """Return after how long without a run what was known is old."""
    return max(GAP_SECONDS, 4 * configuration.period_seconds())


def end(by: str, at: datetime) -> None:
    """Give the claim back."""
    with _cursor() as cursor:
        cursor.execute(_END, [by, at])


def resume() -> None:
    """Count no silence of before now: the database was away, and took no heartbeat."""
    with _cursor() as cursor:
        cursor.execute(_RESUME)


def load() -> Records:
    """Return the alarms."""
    names = _COLUMNS.split(", ")
    with _cursor() as cursor:
        cursor.execute(_LOAD)
        found = [Record(**dict(zip(names, row, strict=True))) for row in cursor.fetchall()]
    return {record.name: record for record in found}


def save(records: Records) -> None:
    """Write these alarms, and delete those of them that are over; others stay as they are."""
    over = [record.name for record in records.values() if record.is_over]
    with _cursor() as cursor:
        if kept := [vars(record) for record in records.values() if not record.is_over]:
            cursor.executemany(_SAVE, kept)
        cursor.execute(_DELETE, [over])


@contextmanager
def _cursor() -> Iterator[Any]:
    """Give a cursor in a transaction whose statements wait so long and no longer."""
    alias = configuration.database()
    with transaction.atomic(using=alias), connections[alias].cursor() as cursor:
        limit = str(int(PATIENCE_SECONDS * 1000))
        cursor.execute(
            "SELECT set_config('statement_timeout', %s, true),"
            " set_config('lock_timeout', %s, true)",
            [limit, limit],
        )
        yield cursor
