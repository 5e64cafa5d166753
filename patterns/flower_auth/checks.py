"""System checks: a Flower that somebody could reach without the check. Run by `manage.py check`."""

import os
import shlex
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any

from django.conf import global_settings, settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.urls import Resolver404, resolve

from . import closed, commands

HINT = "Start it as `celery -A APP flower --conf=FILE`, FILE calling guard() of this package."


@register("flower_auth")
def check_flower_auth(**_: Any) -> list[CheckMessage]:
    """Return what would leave a Flower open: in how it is started, or that nothing closes it."""
    return [*never_closed(), *wrong_processes(), *no_login()]


def never_closed() -> Iterator[CheckMessage]:
    """A Flower that somebody starts by hand, without --conf, would be open."""
    if closed.configurations:
        return
    yield Error(
        "A Flower that is started without --conf is open: nothing refuses it.",
        hint="Call refuse_open_flower(FILE), from .closed, where the Celery app is made.",
        id="flower_auth.E001",
    )


def wrong_processes() -> Iterator[CheckMessage]:
    """What is wrong with the commands by which the project starts its Flowers."""
    try:
        started = commands.processes()
    except Exception as error:  # whatever its module raises
        yield Error(
            f"FLOWER_AUTH_PROCESSES leads to no commands: {error}",
            hint="Name a dict of commands by the name of their process, by its dotted path.",
            id="flower_auth.E004",
        )
        return
    for name, command in started.items():
        words = shlex.split(command)
        if "flower" in words and "celery" in words[: words.index("flower")]:
            yield from wrong_process(name, words)


def wrong_process(name: str, words: list[str]) -> Iterator[CheckMessage]:
    """A Flower whose configuration has no guard, or whose options open it."""
    options = commands.options_of(words)
    named = options.get("conf") or os.environ.get("FLOWER_CONF", "")
    if not commands.is_guarded(named):
        yield Error(
            f"The process {name} starts a Flower without the check: "
            + (f"{named} does not call guard()." if named else "it has no --conf."),
            hint=HINT,
            id="flower_auth.E002",
        )
    opened = [f"--{key}" for key in commands.OPENING if key in options]
    opened += [key for key in commands.variables_of(words) if commands.variable_opens(key)]
    if (
        "address" in options
        and not _is_loopback(options["address"])
        and not commands.is_inside(named)
    ):
        opened.append(f"--address={options['address']}")
    if opened:
        yield Error(
            f"The process {name} opens its Flower to others: {', '.join(opened)}.",
            hint="Leave it out: staff log in on the site, and a proxy on this machine reaches it.",
            id="flower_auth.E003",
        )


def no_login() -> Iterator[CheckMessage]:
    """Django's own LOGIN_URL, which nobody chose, where this site has no such page."""
    if settings.LOGIN_URL != global_settings.LOGIN_URL:
        return
    try:
        resolve(settings.LOGIN_URL)
    except Resolver404:
        yield Warning(
            f"LOGIN_URL is Django's {settings.LOGIN_URL!r}, and no page is there: who opens Flower"
            " is sent to it, to log in.",
            hint='Name the page that logs staff in: LOGIN_URL = "admin:login", for one.',
            id="flower_auth.W001",
        )


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"
