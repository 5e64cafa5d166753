"""`manage.py failed`: list, show, replay and discard failed tasks."""

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import InterfaceError, OperationalError

from ... import described, failed, terminal
from ...errors import TasksHeld
from ...failed import Outcome, Selection
from ...terminal import ABANDONED, counted, table, when, zone

DONE = {"replay": "replayed", "discard": "discarded"}


class Command(BaseCommand):
    """The failed set for who is at a terminal. Exit status: 0 for done, and for nothing to do; 1
    where a named task is not failed or some stay; 2 for a wrong command line; 130 for Ctrl-C."""

    help = (
        "List, show, replay and discard failed tasks. Exit status: 0 done, or nothing to do;"
        " 1 an id is of no failed task, or some tasks stay failed; 130 Ctrl-C."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """One subcommand for each thing to do."""
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        for name, help_text in (
            ("list", "the newest failures, or --group"),
            ("replay", "let them run again"),
            ("discard", "give them up; kept as history for a while"),
        ):
            action = actions.add_parser(name, help=help_text)
            terminal.add_filters(action, "failed")
            action.add_argument("--exception", metavar="TYPE", help="with this type of error")
            action.add_argument("--reason", help="that ended for this reason: crashes, expired ...")
            action.add_argument("--json", action="store_true", help="write JSON")
            if name == "list":
                action.add_argument("--group", action="store_true", help="count equal failures")
                terminal.add_limit(action)
            else:
                terminal.add_consent(action)
        show = actions.add_parser("show", help="everything about a task, and its history")
        show.add_argument("ids", nargs="+", metavar="ID")
        show.add_argument("--arguments", action="store_true", help="as they are, not redacted")
        show.add_argument("--json", action="store_true", help="write JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it."""
        with terminal.talking():
            self._do(options)

    def _do(self, options: dict[str, Any]) -> None:
        if options["action"] == "show":
            self._show(options)
            return
        chosen = terminal.selection(
            options, exception=options["exception"], reason=options["reason"]
        )
        if options["action"] == "list":
            self._list(chosen, options)
        else:
            self._change(chosen, options)

    def _list(self, chosen: Selection, options: dict[str, Any]) -> None:
        self._list_failed(chosen, options)
        if not options["json"] and (number := failed.count(failed.REPLAYED)):
            self._say(
                f"{counted(number)} replayed and not ended yet: `manage.py tasks list --replayed`."
            )

    def _list_failed(self, chosen: Selection, options: dict[str, Any]) -> None:
        limit = options["limit"]
        if options["group"]:
            groups = [described.group(each) for each in failed.groups(chosen, limit)]
            self._write(chosen, options, groups, _lines_of_groups)
            return
        rows = failed.rows(chosen, limit)
        self._write(chosen, options, [described.row(each) for each in rows], _lines_of_rows)
        if len(rows) == limit and (total := failed.count(chosen)) > limit:
            self._say(
                f"The newest {limit:,} of {total:,}. `failed list --group` counts equal failures."
            )

    def _write(
        self,
        chosen: Selection,
        options: dict[str, Any],
        found: list[dict[str, Any]],
        lines: Callable[..., Any],
    ) -> None:
        if options["json"]:
            self.stdout.write(described.as_json(found))
        elif found:
            self.stdout.write(table(lines(found)))
        elif not chosen.is_everything() and failed.count(Selection(), 1):
            self.stdout.write("No failed task matches; there are others.")
        else:
            self.stdout.write("No failed tasks.")

    def _show(self, options: dict[str, Any]) -> None:
        ids = terminal.selection({**dict.fromkeys(_FILTERS), "ids": options["ids"]}).ids or ()
        found = [described.whole(each, with_arguments=options["arguments"]) for each in ids]
        if options["json"]:
            self.stdout.write(described.as_json([each for each in found if each]))
        else:
            self.stdout.write("\n\n".join(described.as_text(each) for each in found if each))
        if missing := [str(id) for id, each in zip(ids, found, strict=True) if each is None]:
            raise CommandError(f"There is no task {', '.join(missing)}, and no history of one.")

    def _change(self, chosen: Selection, options: dict[str, Any]) -> None:
        if chosen.is_everything() != options["all"]:
            raise CommandError(f"Say which tasks to {options['action']}: ids, filters, or --all.")
        # What fails from now on was not counted, and is not touched.
        until = failed.now()
        chosen = replace(chosen, until=min(until, chosen.until or until))
        total = failed.count(chosen)
        if options["dry_run"]:
            left = failed.foreseen(chosen) if options["action"] == "replay" else {}
            self._tell(options, Outcome(done=total - sum(left.values()), left=left))
            _refuse_missing(chosen, total, total)
            return
        question = f"{options['action'].capitalize()} {counted(total)}?"
        if total > 1 and not options["yes"] and not terminal.agreed(question):
            raise CommandError("Nothing was done.")
        outcome = self._changed(chosen, options, total)
        self._tell(options, outcome)
        _refuse_missing(chosen, outcome.done + sum(outcome.left.values()), total)
        if outcome.left:
            stay = sum(outcome.left.values())
            raise CommandError(f"{counted(stay)} {_stay(stay, options)} failed.")

    def _changed(self, chosen: Selection, options: dict[str, Any], total: int) -> Outcome:
        change = failed.replay if options["action"] == "replay" else failed.discard
        word, done = DONE[options["action"]], 0

        def progress(count: int) -> None:
            nonlocal done
            done = count
            if total >= terminal.PROGRESS_FROM:
                self._say(f"{count:,} of {total:,} {word}")

        try:
            return change(chosen, by=terminal.person(options["by"]), progress=progress)
        except TasksHeld as error:  # whole thousands before it are done
            raise CommandError(str(error)) from error
        except (OperationalError, InterfaceError) as error:
            raise terminal.broken_off(done, total, word, error) from error
        except KeyboardInterrupt:  # what was under way is undone
            self._say(f"Stopped: of {counted(total)}, {failed.count(chosen):,} stay failed.")
            sys.exit(ABANDONED)

    def _say(self, words: str) -> None:
        """Tell a person; programs read the other stream. Not in the red of errors."""
        self.stderr.write(words, lambda text: text)

    def _tell(self, options: dict[str, Any], outcome: Outcome) -> None:
        word = DONE[options["action"]]
        if options["json"]:
            left = [{"reason": why, "count": count} for why, count in outcome.left.items()]
            told = {word: outcome.done, "left": left, "dry_run": options["dry_run"]}
            self.stdout.write(json.dumps(told))
            return
        would = "would be " if options["dry_run"] else ""
        self.stdout.write(f"{counted(outcome.done)} {would}{word}.")
        for why, count in outcome.left.items():
            self.stdout.write(
                f"{counted(count)} {_stay(count, options)}: {terminal.printable(why)}"
            )


def _refuse_missing(chosen: Selection, found: int, total: int) -> None:
    """Raise CommandError where some of the named tasks were no failed ones."""
    if (named := len(set(chosen.ids or ()))) > found:
        raise CommandError(
            f"Of the {counted(named)} named, {total:,} had failed and matched: `failed show`"
            " says what became of the others."
        )


_FILTERS = ("task", "queue", "since", "until", "text")


def _stay(count: int, options: dict[str, Any]) -> str:
    if options["dry_run"]:
        return "would stay"
    return "stays" if count == 1 else "stay"


def _lines_of_groups(groups: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    head = ("FAILED", "TASK", "EXCEPTION", "FIRST", f"NEWEST ({zone()})")
    return [
        head,
        *(
            (f"{g['count']:,}", g["task"], g["exception"], when(g["first"]), when(g["newest"]))
            for g in groups
        ),
    ]


def _lines_of_rows(rows: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    head = ("ID", f"FAILED AT ({zone()})", "TASK", "QUEUE", "REASON", "ERROR")
    return [
        head,
        *(
            (r["id"], when(r["failed_at"]), r["task"], r["queue"], r["reason"], r["error"])
            for r in rows
        ),
    ]
