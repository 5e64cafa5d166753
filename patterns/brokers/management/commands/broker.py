"""`manage.py broker`: whose the brokers are, and the way in which one changes hands."""

import json
import sys
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ... import checks, handing
from ...app import GuardedCelery
from ...errors import HandOverRefused
from ...owner import Owner

AWAY = 2  # the exit status where a broker does not answer


class Command(BaseCommand):
    """Shows whose the project's brokers are, or hands one over by the name of its owner."""

    help = "Show whose the brokers are (exit 0, 1 where one is not ours, 2 where one is away)."
    # They may import every task, and this must work beside one that cannot be imported.
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """What to do, and with which broker."""
        actions = parser.add_subparsers(dest="action", required=True)
        show = actions.add_parser("show", help="whose each broker is, and what waits there")
        give = actions.add_parser("hand-over", help="give a broker to another app, or environment")
        give.add_argument("app", help="whose setting names the broker, as `show` writes it")
        # A name, not --yes: a command out of somebody's notes does not hit what it was not for.
        give.add_argument("--from", dest="before", required=True, help="its owner; or nobody")
        give.add_argument("--to", help="app@environment (default: this project's app)")
        for each in (show, give):
            each.add_argument("--json", action="store_true", help="write it as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it, then show how things are."""
        try:
            known = checks.apps()
        except (ImportError, TypeError, ValueError) as error:
            raise CommandError(f"BROKERS_APPS: {error}") from error
        if options["action"] == "hand-over":
            known = [app for app in known if app.guard.owner.app == options["app"]] or [
                self._unknown(options["app"], known)
            ]
            self._hand_over(known[0], options["before"], options["to"])
        self._show(known, as_json=options["json"], is_done=options["action"] != "show")

    def _hand_over(self, app: GuardedCelery, before: str, to: str | None) -> None:
        try:
            handing.hand_over(app, before, None if to is None else Owner.parse(to))
        except ValueError as error:  # HandOverRefused is one
            raise CommandError(f"Not handed over. {error}") from error
        except Exception as error:  # whatever a transport raises
            raise CommandError(f"Not handed over: {error}", returncode=AWAY) from error

    def _show(self, known: list[GuardedCelery], *, as_json: bool, is_done: bool) -> None:
        shown, status = [], 0
        for app in known:
            try:
                each = handing.show(app)
            except HandOverRefused as error:
                self.stderr.write(str(error))
            except Exception as error:
                self.stderr.write(f"The broker of {app.guard.owner} does not answer: {error}")
                status = AWAY
            else:
                shown.append(each)
                status = status or int(each.refusal is not None and not is_done)
        if as_json:
            self.stdout.write(json.dumps([asdict(each) for each in shown]))
        else:
            self.stdout.write("\n".join(line for each in shown for line in in_words(each)))
        if status:
            sys.exit(status)

    def _unknown(self, name: str, known: list[GuardedCelery]) -> GuardedCelery:
        names = ", ".join(app.guard.owner.app for app in known)
        raise CommandError(f"BROKERS_APPS has no app {name!r}. It has: {names}.")


def in_words(shown: handing.Shown) -> list[str]:
    """Return what is seen of a broker, as lines."""
    by = f", stamped by {shown.stamped_by} at {shown.stamped_at}" if shown.stamped_by else ""
    waiting = ", ".join(f"{name} {count:,}" for name, count in shown.waiting.items()) or "nothing"
    lines = [
        f"{shown.app}: {shown.broker}",
        f"    owner: {shown.owner}{by}",
        f"    waiting there: {waiting}",
    ]
    return lines if shown.refusal is None else [*lines, f"    REFUSED: {shown.refusal}"]
