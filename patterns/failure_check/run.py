"""One run: look, bring the alarms up to date, tell, keep. With the database, and without it."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from . import configuration, kept_in_database, kept_in_file
from .bounded import in_time, line
from .kept_in_file import Kept
from .looking import look
from .ping import ping
from .records import Found, Records, advance
from .samples import sample
from .telling import paths, tell

__all__ = ["adopt", "look", "with_database", "without_database"]

logger = logging.getLogger(__name__)

# What the database is given for each of these: it answers in milliseconds, or it is away.
SECONDS = 8


def with_database(by: str, at: datetime) -> None:
    """Make the run that was claimed. Raises nothing that a loop would end for.

    Where the alarms' rows cannot be read, it is made from the file. Crash: what was told and not
    kept is told again by the next run.
    """
    try:
        records = _rows()
        if records is None:
            return without_database(is_claimed=True)
        found = _advance_and_tell(records, at)
        _keep(records, at)
        _attempt("samples", sample)
        if not found.problems:
            _attempt("ping", ping)
    finally:
        _attempt("alarms' run, ended", lambda: kept_in_database.end(by, at))


def without_database(*, is_claimed: bool = False) -> None:
    """Make a run whose state is in the file, unless another process of this machine just did."""
    with kept_in_file.locked() as is_ours:
        now = datetime.now(UTC)
        kept = kept_in_file.read()
        period = timedelta(seconds=configuration.period_seconds())
        age = now - kept.at
        # A clock that was set back: do not wait for it.
        if not is_ours or (not is_claimed and timedelta(0) <= age < period):
            return
        # Of a machine that has not made a run for long: what it knew may be over, and told.
        is_known = kept.is_ahead or age < timedelta(seconds=kept_in_database.gap_seconds())
        records = kept.records if is_known else {}
        _advance_and_tell(records, now)
        # What is over stays: its row, if it has one, is still to be deleted.
        kept_in_file.write(Kept(at=now, is_ahead=True, records=records))


def adopt() -> None:
    """Let the database know what was told without it. Raises what the database raises."""
    if not kept_in_file.read().is_ahead:
        return
    with kept_in_file.locked() as is_ours:
        kept = kept_in_file.read()
        if is_ours and kept.is_ahead:
            kept_in_database.save(kept.records)
            _mirror(kept.records, kept.at)


def _rows() -> Records | None:
    try:
        records: Records = in_time("alarms' rows, read", kept_in_database.load, SECONDS)
    except Exception as error:  # a lock, a missing right: the alarms are to be told all the same
        logger.warning("The alarms' rows are not read, the file is: %s", line(error))
        return None
    return records


def _advance_and_tell(records: Records, now: datetime) -> Found:
    found = look()
    advance(records, found, now, paths(), configuration.remind_seconds())
    tell(records)
    return found


def _keep(records: Records, at: datetime) -> None:
    try:
        in_time("alarms' rows, written", lambda: kept_in_database.save(records), SECONDS)
    except Exception as error:
        logger.warning("The alarms are kept in the file, and not in the database: %s", line(error))
        kept_in_file.write(Kept(at=at, is_ahead=True, records=records))
    else:
        _mirror(records, at)


def _mirror(records: Records, at: datetime) -> None:
    lasting = {name: record for name, record in records.items() if not record.is_over}
    kept_in_file.write(Kept(at=at, records=lasting))


def _attempt(name: str, function: Callable[[], Any]) -> None:
    try:
        in_time(name, function, SECONDS)
    except Exception as error:
        logger.warning("%s: %s: %s", name, type(error).__name__, line(error))
