"""Failed tasks as `manage.py failed` lists and shows them: for people in columns, or as JSON."""

from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from .. import described, failed
from ..selection import Selection
from ..terminal import counted, say, table, when, zone
from . import choosing


def list_failed(command: BaseCommand, chosen: Selection, options: dict[str, Any]) -> None:
    """Write the newest failures, or groups of equal ones; tell people what is not among them."""
    limit = options["limit"]
    if options["group"]:
        groups = [described.group(each) for each in failed.groups(chosen, limit)]
        _write(command, chosen, options, groups, _groups)
    else:
        rows = [described.row(each) for each in failed.rows(chosen, limit)]
        _write(command, chosen, options, rows, _rows)
        _tell_how_many(command, chosen, len(rows), limit)
    if not options["json"] and (number := failed.count(failed.REPLAYED)):
        waiting = (
            f"{counted(number)} replayed and not ended yet: `manage.py tasks list --replayed`."
        )
        say(command.stderr, waiting)


def show(command: BaseCommand, options: dict[str, Any]) -> None:
    """Write all that is known of tasks. Raises CommandError where nothing is."""
    ids = choosing.ids(options["ids"])
    found = [described.whole(each, with_arguments=options["arguments"]) for each in ids]
    if options["json"]:
        command.stdout.write(described.as_json([each for each in found if each]))
    else:
        command.stdout.write("\n\n".join(described.as_text(each) for each in found if each))
    if missing := [str(id) for id, each in zip(ids, found, strict=True) if each is None]:
        raise CommandError(f"There is no task {', '.join(missing)}, and no history of one.")


def _tell_how_many(command: BaseCommand, chosen: Selection, shown: int, limit: int) -> None:
    if shown == limit and (total := failed.count(chosen)) > limit:
        more = f"The newest {limit:,} of {total:,}. `failed list --group` counts equal failures."
        say(command.stderr, more)


def _write(
    command: BaseCommand,
    chosen: Selection,
    options: dict[str, Any],
    found: list[dict[str, Any]],
    lines: Callable[[list[dict[str, Any]]], list[tuple[str, ...]]],
) -> None:
    if options["json"]:
        command.stdout.write(described.as_json(found))
    elif found:
        command.stdout.write(table(lines(found)))
    elif not chosen.is_everything() and failed.count(Selection(), 1):
        command.stdout.write("No failed task matches; there are others.")
    else:
        command.stdout.write("No failed tasks.")


def _groups(groups: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    return [
        ("FAILED", "TASK", "EXCEPTION", "FIRST", f"NEWEST ({zone()})"),
        *(
            (f"{g['count']:,}", g["task"], g["exception"], when(g["first"]), when(g["newest"]))
            for g in groups
        ),
    ]


def _rows(rows: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    return [
        ("ID", f"FAILED AT ({zone()})", "TASK", "QUEUE", "REASON", "ERROR"),
        *(
            (r["id"], when(r["failed_at"]), r["task"], r["queue"], r["reason"], r["error"])
            for r in rows
        ),
    ]
