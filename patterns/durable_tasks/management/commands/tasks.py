"""`manage.py tasks`: list tasks that have not ended, and cancel them."""

import json
import sys
from dataclasses import replace
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import InterfaceError, OperationalError

from ... import cancel, described, failed, selection, terminal
from ...errors import TasksHeld
from ...models import State
from ...terminal import ABANDONED, counted, table, when, zone

WAITING = (State.SCHEDULED, State.READY, State.PUBLISHED)
STATES = {each.label: each for each in State}


class Command(BaseCommand):
    """What waits and what runs. Flower shows nothing of a backlog that is still in PostgreSQL."""

    help = (
        "List tasks that wait or run, or cancel them. A cancelled task is in the failed set."
        " Exit status: 0 done, or nothing to do; 1 an id was not of such a task; 130 Ctrl-C."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """What to do, and to which."""
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        listing = actions.add_parser("list", help="the newest of them")
        terminal.add_filters(listing, "enqueued")
        listing.add_argument("--state", choices=STATES, help="default: all but failed, discarded")
        listing.add_argument(
            "--replayed", action="store_true", help="those that had failed and were replayed"
        )
        terminal.add_limit(listing)
        listing.add_argument("--json", action="store_true", help="write JSON")
        cancelling = actions.add_parser("cancel", help="those that wait")
        terminal.add_filters(cancelling, "enqueued")
        terminal.add_consent(cancelling)
        cancelling.add_argument(
            "--running",
            action="store_true",
            help="also those that run: what they change in the database is discarded, what they"
            " have done outside stays done",
        )
        cancelling.add_argument("--json", action="store_true", help="write JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it."""
        with terminal.talking():
            if options["action"] == "list":
                self._list(options)
            else:
                self._cancel(options)

    def _list(self, options: dict[str, Any]) -> None:
        states = (STATES[options["state"]],) if options["state"] else (*WAITING, State.RUNNING)
        chosen = terminal.selection(options, states=states, has_failed=options["replayed"])
        rows = [described.row(each) for each in selection.rows(chosen, options["limit"])]
        if options["json"]:
            self.stdout.write(described.as_json(rows))
        elif rows:
            self.stdout.write(table([_head(), *map(_line, rows)]))
        else:
            self.stdout.write("No such tasks.")

    def _cancel(self, options: dict[str, Any]) -> None:
        states = (*WAITING, State.RUNNING) if options["running"] else WAITING
        chosen = terminal.selection(options, states=states)
        if chosen.is_everything() != options["all"]:
            raise CommandError("Say which tasks to cancel: ids, filters, or --all.")
        until = failed.now()  # what is enqueued from now on was not counted
        chosen = replace(chosen, until=min(until, chosen.until or until))
        total = selection.count(chosen)
        if options["dry_run"]:
            self._tell(options, total)
            self._miss(chosen, options, total)
            return
        asks = total > 1 and not options["yes"]
        if asks and not terminal.agreed(f"Cancel {counted(total)}?"):
            raise CommandError("Nothing was done.")
        done = self._cancelled(chosen, options, total)
        self._tell(options, done)
        self._miss(chosen, options, done)

    def _miss(self, chosen: selection.Selection, options: dict[str, Any], done: int) -> None:
        if (named := len(set(chosen.ids or ()))) > done:
            raise CommandError(
                f"Of the {counted(named)} named, {named - done:,} had ended, or matched nothing"
                f"{'' if options['running'] else ', or runs (--running cancels those too)'}."
            )

    def _cancelled(self, chosen: selection.Selection, options: dict[str, Any], total: int) -> int:
        done = 0

        def progress(count: int) -> None:
            nonlocal done
            done = count
            self._say(f"{count:,} of {total:,} cancelled")

        try:
            return cancel.cancel_all(chosen, by=terminal.person(options["by"]), progress=progress)
        except TasksHeld as error:  # whole thousands before it are done
            raise CommandError(str(error)) from error
        except (OperationalError, InterfaceError) as error:
            raise terminal.broken_off(done, total, "cancelled", error) from error
        except KeyboardInterrupt:  # what was under way is undone
            left = selection.count(chosen)
            self._say(f"Stopped: of {counted(total)}, {left:,} are as they were.")
            sys.exit(ABANDONED)

    def _say(self, words: str) -> None:
        """Tell a person; programs read the other stream. Not in the red of errors."""
        self.stderr.write(words, lambda text: text)

    def _tell(self, options: dict[str, Any], done: int) -> None:
        if options["json"]:
            told = {"cancelled": done, "dry_run": options["dry_run"]}
            self.stdout.write(json.dumps(told))
            return
        self.stdout.write(f"{counted(done)} {'would be ' * options['dry_run']}cancelled.")


def _head() -> tuple[str, ...]:
    times = "ENQUEUED AT", f"DUE AT ({zone()})"
    return ("ID", "STATE", *times, "TASK", "QUEUE", "ARGUMENTS", "LAST ERROR")


def _line(row: dict[str, Any]) -> tuple[str, ...]:
    times = when(row["enqueued_at"]), when(row["due_at"])
    words = row["task"], row["queue"], row["arguments"], row["error"]
    return (row["id"], row["state"], *times, *words)
