"""`manage.py failed`: list, show, replay and discard failed tasks."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ... import failed, terminal
from ...failed import Outcome, Selection
from ...terminal import counted
from .. import changing, choosing, listing

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
            choosing.add_filters(action, "failed")
            action.add_argument("--exception", metavar="TYPE", help="with this type of error")
            action.add_argument("--reason", help="that ended for this reason: crashes, expired ...")
            action.add_argument("--json", action="store_true", help="write JSON")
            if name == "list":
                action.add_argument("--group", action="store_true", help="count equal failures")
                choosing.add_limit(action)
            else:
                changing.add_consent(action)
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
            listing.show(self, options)
            return
        chosen = choosing.selection(
            options, exception=options["exception"], reason=options["reason"]
        )
        if options["action"] == "list":
            listing.list_failed(self, chosen, options)
        else:
            self._change(chosen, options)

    def _change(self, chosen: Selection, options: dict[str, Any]) -> None:
        changing.refuse_unless_all_are_meant(chosen, options)
        chosen = chosen.fixed(failed.now())
        total = failed.count(chosen)
        if options["dry_run"]:
            left = failed.foreseen(chosen) if options["action"] == "replay" else {}
            self._tell(options, Outcome(done=total - sum(left.values()), left=left))
            _refuse_missing(chosen, total, total)
            return
        changing.refuse_unless_agreed(total, options)
        outcome = self._changed(chosen, options, total)
        self._tell(options, outcome)
        _refuse_missing(chosen, outcome.done + sum(outcome.left.values()), total)
        if outcome.left:
            stay = sum(outcome.left.values())
            raise CommandError(f"{counted(stay)} {_stay(stay, options)} failed.")

    def _changed(self, chosen: Selection, options: dict[str, Any], total: int) -> Outcome:
        return changing.carried_out(
            failed.replay if options["action"] == "replay" else failed.discard,
            chosen,
            **{"by": options["by"], "total": total, "word": DONE[options["action"]]},
            stopped=lambda: f"{failed.count(chosen):,} stay failed",
            stderr=self.stderr,
        )

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


def _stay(count: int, options: dict[str, Any]) -> str:
    if options["dry_run"]:
        return "would stay"
    return "stays" if count == 1 else "stay"
