"""`manage.py rules`: do the seven rules hold? For people, CI and deployments."""

import json
import sys
from textwrap import wrap
from typing import Any

from django.core.checks import CheckMessage
from django.core.management.base import BaseCommand, CommandParser

from config.rule_findings import Looked, look
from config.rules import DEPLOY, RULES, Rule

INDENTED: dict[str, Any] = {
    "width": 100,
    "initial_indent": "   ",
    "subsequent_indent": "     ",
    "break_long_words": False,
    "break_on_hyphens": False,
}
ALL_CLEAR = "All clear: the seven rules hold."


class Command(BaseCommand):
    """Runs the system checks and prints what they find, rule by rule. Changes nothing."""

    help = (
        "Prints the seven rules: what makes each hold, what is checked for it, and each finding"
        " with its remedy. Exits 0 where all hold, 1 where not. What SILENCED_SYSTEM_CHECKS"
        " names is shown as silenced, and does not count."
    )
    # It prints what they find, and must do so whatever that is.
    requires_system_checks: list[str] = []  # noqa: RUF012  as Django has it

    def add_arguments(self, parser: CommandParser) -> None:
        """What to ask, and how to print it."""
        parser.add_argument("--json", action="store_true", help="print it as JSON")
        parser.add_argument(
            "--deploy",
            action="store_true",
            help="ask also what must hold in production: run it with production's settings",
        )
        parser.add_argument(
            "--servers",
            action="store_true",
            help="ask also the checks that contact a database or a broker",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Look, print, and end with 1 where a rule does not hold."""
        looked = look(deploy=options["deploy"], servers=options["servers"])
        self.stdout.write(as_json(looked) if options["json"] else in_words(looked))
        self.stdout.flush()
        if not looked.is_clear:
            sys.exit(1)


def in_words(looked: Looked) -> str:
    """Return rules and findings for people."""
    lines = [line for rule in RULES for line in _lines(rule, looked)]
    if others := looked.others():
        lines.append(f"Besides, `manage.py check` says: {', '.join(str(e.id) for e in others)}.")
    broken = [str(rule.number) for rule in RULES if looked.open_of(rule)]
    are = "Rule {} does not hold." if len(broken) == 1 else "Rules {} do not hold."
    return "\n".join([*lines, are.format(", ".join(broken)) if broken else ALL_CLEAR])


def as_json(looked: Looked) -> str:
    """Return rules and findings for programs."""
    return json.dumps(
        {
            "is_all_clear": looked.is_clear,
            "rules": [
                {
                    "number": rule.number,
                    "title": rule.title,
                    "held_by": rule.held_by,
                    "holds": not looked.open_of(rule),
                    "checks": [
                        {"id": id, "what": what, "is_asked": looked.was_asked(id)}
                        for id, what in rule.checks().items()
                    ],
                    "findings": [_finding(each) for each in looked.of(rule)],
                }
                for rule in RULES
            ],
            "others": [_finding(each) for each in looked.others()],
        }
    )


def _lines(rule: Rule, looked: Looked) -> list[str]:
    asked = [f"{what} ({id})" for id, what in rule.checks().items() if looked.was_asked(id)]
    lines = [f"{rule.number}. {rule.title}", *wrap(rule.held_by, **INDENTED)]
    lines += wrap(f"Checked: {'; '.join(asked)}.", **INDENTED)
    unasked = [id for id in rule.checks() if not looked.was_asked(id)]
    for option, ids in (
        ("--deploy", [id for id in unasked if id in DEPLOY]),
        ("--servers", [id for id in unasked if id not in DEPLOY]),
    ):
        if ids:
            lines += wrap(f"Asked only with {option}: {', '.join(ids)}.", **INDENTED)
    for each in looked.of(rule):
        silenced = "silenced " if each.is_silenced() else ""
        lines.append(f"   {silenced}{_level(each)} {each.id}: {each.msg}")
        lines.append(f"       {each.hint}")
    return [*lines, ""]


def _finding(message: CheckMessage) -> dict[str, Any]:
    return {
        "id": message.id,
        "level": _level(message).lower(),
        "message": message.msg,
        "remedy": message.hint,
        "is_silenced": message.is_silenced(),
    }


def _level(message: CheckMessage) -> str:
    return "ERROR" if message.is_serious() else "WARNING"
