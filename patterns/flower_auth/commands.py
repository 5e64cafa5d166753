"""The commands by which a project starts its Flowers, and what their options and files say."""

import ast
import os
from collections.abc import Mapping
from pathlib import Path

from django.conf import settings
from django.utils.module_loading import import_string

# Of Flower's options and variables, those by which it lets others in, or the guard is left out.
OPENING = ("auth", "basic_auth", "auth_provider", "unauthenticated_api", "oauth2_key")


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


def is_inside(configuration: str) -> bool:
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
