"""The alarms in a file, for while the database is away; a mirror of its rows otherwise.

The lock on it is the claim: of several processes of a machine one checks, and a crash frees it.
"""

import fcntl
import json
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from . import configuration
from .records import Record, Records

logger = logging.getLogger(__name__)

LONG_AGO = datetime.fromtimestamp(0, UTC)
# Of a record, what JSON has no form for.
TIMES = ("raised_at", "told_at", "cleared_at")


@dataclass(kw_only=True)
class Kept:
    """What the file holds. `is_ahead`: written without the database, which does not know it yet."""

    at: datetime = LONG_AGO
    is_ahead: bool = False
    records: Records = field(default_factory=dict)


# Where no file is named, or it can be neither read nor written.
_memory = [Kept()]


def read() -> Kept:
    """Return what is kept; nothing of a file that is missing or damaged. Raises nothing."""
    path = configuration.state_file()
    if path is None:
        return _memory[0]
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        kept = Kept(
            at=datetime.fromisoformat(content["at"]),
            is_ahead=bool(content["is_ahead"]),
            records=_from_json(content["alarms"]),
        )
        # On a full disk the file is older than what this process could not write since.
        return kept if kept.at > _memory[0].at else _memory[0]
    except FileNotFoundError:
        return _memory[0]
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        logger.warning("%s is not readable, its alarms are told anew: %s", path, error)
        return _memory[0]


def write(kept: Kept) -> None:
    """Keep it: the whole file or, after a crash, the one before. Raises nothing."""
    _memory[0] = kept
    path = configuration.state_file()
    if path is None:
        return
    content = {
        "at": kept.at.isoformat(),
        "is_ahead": kept.is_ahead,
        "alarms": _as_json(kept.records),
    }
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.unfinished")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as output:
            json.dump(content, output, indent=1)
        unfinished.replace(path)
        _memory[0] = Kept()
    except OSError as error:
        logger.warning("%s is not written, this process remembers the alarms: %s", path, error)


@contextmanager
def locked() -> Iterator[bool]:
    """Hold the file's lock; give False where another process has it. A crash lets it go."""
    path = configuration.state_file()
    descriptor = None if path is None else _open(path.with_name(f"{path.name}.lock"))
    if descriptor is None:
        yield True
        return
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)


def _from_json(content: Mapping[str, Mapping[str, object]]) -> Records:
    """Return the records that `_as_json()` wrote. Raises TypeError or ValueError for others."""
    return {
        name: Record(
            **{
                key: datetime.fromisoformat(str(value)) if key in TIMES and value else value
                for key, value in parts.items()
            }  # type: ignore[arg-type]  # what _as_json() wrote
        )
        for name, parts in content.items()
    }


def _as_json(records: Mapping[str, Record]) -> dict[str, dict[str, object]]:
    """Return records as JSON can say them."""
    return {
        name: {
            key: value.isoformat() if key in TIMES and value else value
            for key, value in vars(record).items()
        }
        for name, record in records.items()
    }


def _open(path: Path) -> int | None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        logger.warning("%s cannot be locked, another process may tell the same: %s", path, error)
        return None
