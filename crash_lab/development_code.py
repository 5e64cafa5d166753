"""What the lab takes from the template: its way to run servers in development."""

import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
# Behind what is there: the template's folder has a `patterns` and a `tests` of its own.
sys.path.append(str(REPOSITORY / "{{cookiecutter.project_slug}}"))

from development import (  # noqa: E402  found through the line above
    ports,
    postgres,
    reaper,
    unprivileged,
    valkey,
)
from development.server import Server, ServerFailed  # noqa: E402

__all__ = ["Server", "ServerFailed", "ports", "postgres", "reaper", "unprivileged", "valkey"]
