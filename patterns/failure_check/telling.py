"""By which paths alarms are told: none waits for another, and none that fails stops another."""

import logging
import time
from collections.abc import Callable, Sequence

from django.utils.module_loading import import_string

from . import configuration, mails
from .bounded import Attempt
from .problem import Notice, one_line
from .records import Record, Records

logger = logging.getLogger(__package__)

LOG, MAIL = "log", "mail"
# What a path takes after its time, as its thread goes on to note it. Counted at this process's next
# run: a pager that is always slow would else be told at each.
_late: dict[str, list[Notice]] = {}
# WARNING, whatever the severity: handlers that mail errors take what is above it, and this is
# mailed already.
WORDS = {"raised": "Alarm", "reminded": "Alarm, still", "cleared": "All clear of"}


def paths() -> list[str]:
    """Return the log, the mail, and what FAILURE_CHECK_NOTIFY names."""
    return [LOG, MAIL, *configuration.notify()]


def tell(records: Records) -> None:
    """Tell by each path what it has yet to be told, and note what it took. Raises nothing.

    What a path has not taken by the next run, a period after FAILURE_CHECK_TIMEOUT_SECONDS, it is
    told again.
    """
    for path in list(_late):
        _note(records, path, _late.pop(path))
    open_count = sum(record.cleared_at is None for record in records.values())
    until = time.monotonic() + configuration.timeout_seconds()
    attempts = [
        (path, told, Attempt(f"alarms by {path}", _by(path, owed, open_count, told)))
        for path in paths()
        if (owed := [record for record in records.values() if path in record.owed])
        for told in [list[Notice]()]
    ]
    for path, told, attempt in attempts:
        try:
            attempt.result(until - time.monotonic())
        except Exception as error:
            logger.warning("Alarms are not told by %s, which is tried again: %s", path, error)
            _late[path] = told
        _note(records, path, told)
    for record in records.values():  # of a path that is configured no more
        record.owed = [path for path in record.owed if path in paths()]


def _note(records: Records, path: str, told: list[Notice]) -> None:
    """Note what a path took, of alarms that are as they were then."""
    for notice in list(told):
        record = records.get(notice.name)
        if record is not None and record.notice(path).event == notice.event:
            record.was_told(path)


def _by(
    path: str, owed: Sequence[Record], open_count: int, told: list[Notice]
) -> Callable[[], None]:
    """Return what tells these by a path, and adds to `told` what was taken."""
    notices = [record.notice(path) for record in owed]

    def one_by_one(notify: Callable[[Notice], object]) -> None:
        for notice in notices:
            notify(notice)
            told.append(notice)

    def run() -> None:
        if path == MAIL:
            mails.send(notices, open_count)
            told.extend(notices)
        else:
            one_by_one(_log if path == LOG else import_string(path))

    return run


def _log(notice: Notice) -> None:
    words = WORDS[notice.event]
    sentence = one_line(notice.sentence)
    if notice.event == "cleared":
        logger.warning("%s %s: %s", words, notice.name, sentence)
    else:
        remedy = one_line(notice.remedy)
        logger.warning("%s (%s) %s: %s %s", words, notice.severity, notice.name, sentence, remedy)
