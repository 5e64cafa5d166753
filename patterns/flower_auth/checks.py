"""System checks: a Flower that somebody could reach without the check. Run by `manage.py check`."""

import ast
import os
import shlex
from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from django.conf import global_settings, settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.urls import Resolver404, resolve
from django.utils.module_loading import import_string

from . import closed

HINT = "Start it as `celery -A APP flower --conf=FILE`, FILE calling guard() of this package."
# Of Flower's options and variables, those by which it lets others in, or the guard is left out.
OPENING = ("auth", "basic_auth", "auth_provider", "unauthenticated_api", "oauth2_key")


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
        commands = processes()
    except Exception as error:  # whatever its module raises
        yield Error(
            f"FLOWER_AUTH_PROCESSES leads to no commands: {error}",
            hint="Name a dict of commands by the name of their process, by its dotted path.",
            id="flower_auth.E004",
        )
        return
    for name, command in commands.items():
        words = shlex.split(command)
        if "flower" in words and "celery" in words[: words.index("flower")]:
            yield from wrong_process(name, words)


def wrong_process(name: str, words: list[str]) -> Iterator[CheckMessage]:
    """A Flower whose configuration has no guard, or whose options open it."""
    options = options_of(words)
    named = options.get("conf") or os.environ.get("FLOWER_CONF", "")
    if not is_guarded(named):
        yield Error(
            f"The process {name} starts a Flower without the check: "
            + (f"{named} does not call guard()." if named else "it has no --conf."),
            hint=HINT,
            id="flower_auth.E002",
        )
    opened = [f"--{key}" for key in OPENING if key in options]
    opened += [key for key in variables_of(words) if variable_opens(key)]
    if "address" in options and not _is_loopback(options["address"]) and not _is_inside(named):
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


def processes() -> Mapping[str, str]:
    """Return the project's commands by the name of their process: of the setting, or Procfile."""
    path = str(getattr(settings, "FLOWER_AUTH_PROCESSES", ""))
    if path:
        return dict(import_string(path))
    procfile = _base() / "Procfile"
    lines = procfile.read_text(encoding="utf-8").splitlines() if procfile.is_file() else ()
    pairs = (line.split(":", 1) for line in lines if ":" in line and not line.startswith("#"))
    return {name.strip(): command.strip() for name, command in pairs}


def options_of(words: list[str]) -> dict[str, str]:
    """Return Flower's options, as it takes them: `--name=value`, `--name value`, dashes too."""
    after = words[words.index("flower") + 1 :]
    found = {}
    for at, word in enumerate(after):
        if word.startswith("--"):
            key, is_given, value = word[2:].partition("=")
            following = after[at + 1] if at + 1 < len(after) else ""
            found[key.replace("-", "_")] = value if is_given else following
    return found


def variables_of(words: list[str]) -> list[str]:
    """Return the variables that a command sets, and those that this process hands on."""
    set_here = [word.partition("=")[0] for word in words if "=" in word and word[0] != "-"]
    return [*set_here, *(key for key in sorted(os.environ) if key.startswith("FLOWER_"))]


def variable_opens(name: str) -> bool:
    """Tell whether a variable of Flower's lets others in, whatever it is set to."""
    return name.removeprefix("FLOWER_").lower() in OPENING and name.startswith("FLOWER_")


def is_guarded(configuration: str) -> bool:
    """Tell whether a file of configuration calls guard()."""
    return any(_calls_of_guard(configuration))


def _is_inside(configuration: str) -> bool:
    """Tell whether the guard is told that a network keeps strangers out."""
    given = [each.arg for call in _calls_of_guard(configuration) for each in call.keywords]
    return "loopback_only" in given


def _calls_of_guard(configuration: str) -> list[ast.Call]:
    file = _base() / configuration
    if not configuration or not file.is_file():
        return []
    nodes = ast.walk(ast.parse(file.read_text(encoding="utf-8")))
    calls = [node for node in nodes if isinstance(node, ast.Call)]
    return [call for call in calls if ast.unparse(call.func).rpartition(".")[2] == "guard"]


def _base() -> Path:
    return Path(getattr(settings, "BASE_DIR", "."))


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"
