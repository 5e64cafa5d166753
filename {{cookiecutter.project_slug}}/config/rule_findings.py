"""What the system checks find, by the seven rules."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.core.checks import CheckMessage, Error, Tags
from django.core.checks.registry import registry
from django.db import connections

from config.rules import CHECKS, DEPLOY, RULES, SERVERS, Rule


@dataclass(frozen=True, kw_only=True)
class Looked:
    """What was asked, and what was found: all of it, the silenced too."""

    deploy: bool
    servers: bool
    found: list[CheckMessage]

    @property
    def is_clear(self) -> bool:
        """Tell whether the seven rules hold: a silenced finding is somebody's decision."""
        return not any(self.open_of(rule) for rule in RULES)

    def of(self, rule: Rule) -> list[CheckMessage]:
        """Return what was found against a rule."""
        return [each for each in self.found if each.id in rule.checks()]

    def open_of(self, rule: Rule) -> list[CheckMessage]:
        """Return what was found against a rule and is not silenced."""
        return [each for each in self.of(rule) if not each.is_silenced()]

    def others(self) -> list[CheckMessage]:
        """Return what belongs to no rule: Django's own checks, and other packages'."""
        return [each for each in self.found if each.id not in CHECKS and not each.is_silenced()]

    def was_asked(self, id: str) -> bool:
        """Tell whether a check was asked, or needs an option."""
        return (self.deploy or id not in DEPLOY) and (self.servers or id not in SERVERS)


def look(*, deploy: bool, servers: bool) -> Looked:
    """Run all checks: `deploy` those of a deployment too, `servers` those that contact a server.

    One that raises is a finding, and stops no other.
    """
    messages: list[CheckMessage] = []
    for check in registry.get_checks(include_deployment_checks=deploy):
        if servers or not _needs_server(check):
            messages += _asked(check)
    # They are kept in a set: without an order each run would print another one.
    messages.sort(key=lambda each: (str(each.id), each.msg))
    return Looked(deploy=deploy, servers=servers, found=messages)


def _needs_server(check: Any) -> bool:
    return Tags.database in check.tags


def _asked(check: Any) -> Iterator[CheckMessage]:
    # Django's checks of models would contact the databases too, and fail where one is away.
    databases = list(connections) if _needs_server(check) else None
    try:
        yield from check(app_configs=None, databases=databases)
    except Exception as error:  # whatever it raises, the other rules are looked at all the same
        yield Error(
            f"The check {check.__module__}.{check.__name__} could not be asked:"
            f" {type(error).__name__}: {error}",
            hint="Correct what it says; until then nobody knows what it would find.",
            id="shop.E010",
        )
