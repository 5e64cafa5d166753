"""Log lines: JSON for programs, words for people; either says which request and task it is of."""

import logging
import re
from datetime import UTC, datetime
from typing import Any

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter

from config import log_context
from config.secret_paths import WithoutSecrets

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
FORMATS = ("json", "line")
# What Django and Celery hang on a record, and no line may show: a request with its cookies, a task
# with its arguments.
NOT_SHOWN = ("request", "data")
# All but tabs and line breaks.
CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")


class JsonLine(WithoutSecrets, JsonFormatter):
    """One JSON object a line: time, level, logger, message, ids, the record's own `extra`."""

    def __init__(self) -> None:
        """Know what not to show."""
        super().__init__("%(message)s", reserved_attrs=[*RESERVED_ATTRS, *NOT_SHOWN])

    def add_fields(
        self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]
    ) -> None:
        """Put what every line has before what this one has."""
        log_data["time"] = datetime.fromtimestamp(record.created, UTC).isoformat()
        log_data["level"] = record.levelname
        log_data["logger"] = record.name
        super().add_fields(log_data, record, message_dict)
        log_data.update(_ids(record))


class WordsLine(WithoutSecrets):
    """Level, logger, message, and the ids behind it."""

    def __init__(self) -> None:
        """Leave out the time: whatever collects the lines has it."""
        super().__init__("%(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Return the first line, before any traceback."""
        ids = _ids(record)
        known = [
            f"{name.removesuffix('_id')} {ids[name]}"
            for name in ("request_id", "task_id")
            if name in ids and ids[name] not in record.message
        ]
        # A task's name may hold what would look like a line of its own, or command a terminal.
        line = super().formatMessage(record).replace("\n", "\n    ")
        line = CONTROLS.sub(lambda found: repr(found[0])[1:-1], line)
        return f"{line} [{', '.join(known)}]" if known else line


class AskedOften(logging.Filter):
    """Leaves out what Django says of a health check's "not ok": it would mail each as an error.

    The checks say themselves, as a warning, what is wrong.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether the line is about something else."""
        path = str(getattr(getattr(record, "request", None), "path_info", ""))
        return not path.startswith(("/health/", "/metrics"))


def logging_settings(*, level: str, line_format: str) -> dict[str, Any]:
    """Return Django's LOGGING without mails: everything to stderr, in one of FORMATS."""
    formatter = {"json": JsonLine, "line": WordsLine}[line_format]
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": formatter}},
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["console"], "level": level},
    }


def _ids(record: logging.LogRecord) -> dict[str, str]:
    ids = dict(log_context.current())
    of_request = getattr(getattr(record, "request", None), "request_id", None)
    if isinstance(of_request, str):
        ids["request_id"] = of_request
    # A worker's main process runs no task, but says of many that they came.
    data = getattr(record, "data", None)
    if "task_id" not in ids and isinstance(data, dict) and isinstance(data.get("id"), str):
        ids |= {"task_id": data["id"], "task": str(data.get("name"))}
    return ids
