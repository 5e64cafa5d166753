"""`manage.py tasks`: list tasks that have not ended, and cancel them."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ... import cancel, described, failed, selection, terminal
from ...models import State
from ...terminal import counted, table, when, zone
from .. import changing, choosing

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
        choosing.add_filters(listing, "enqueued")
        listing.add_argument("--state", choices=STATES, help="default: all but failed, discarded")
        listing.add_argument(
            "--replayed", action="store_true", help="those that had failed and were replayed"
        )
        choosing.add_limit(listing)
        listing.add_argument("--json", action="store_true", help="write JSON")
        cancelling = actions.add_parser("cancel", help="those that wait")
        choosing.add_filters(cancelling, "enqueued")
        changing.add_consent(cancelling)
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
        chosen = choosing.selection(options, states=states, has_failed=options["replayed"])
        rows = [described.row(each) for each in selection.rows(chosen, options["limit"])]
        if options["json"]:
            self.stdout.write(described.as_json(rows))
        elif rows:
            self.stdout.write(table([_head(), *map(_line, rows)]))
        else:
            self.stdout.write("No such tasks.")

    def _cancel(self, options: dict[str, Any]) -> None:
        states = (*WAITING, State.RUNNING) if options["running"] else WAITING
        chosen = choosing.selection(options, states=states)
        changing.refuse_unless_all_are_meant(chosen, options)
        chosen = chosen.fixed(failed.now())
        total = selection.count(chosen)
        if options["dry_run"]:
            self._tell(options, total)
            self._miss(chosen, options, total)
            return
        changing.refuse_unless_agreed(total, options)
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
        return changing.carried_out(
            cancel.cancel_all,
            chosen,
            **{"by": options["by"], "total": total, "word": "cancelled"},
            stopped=lambda: f"{selection.count(chosen):,} are as they were",
            stderr=self.stderr,
        )

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
