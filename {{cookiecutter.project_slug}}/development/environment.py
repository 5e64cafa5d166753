"""The environment of the development's processes: `.env`, made once, and what is running now."""

import os
import secrets
from collections.abc import Mapping
from io import StringIO
from pathlib import Path

from dotenv import dotenv_values
from dotenv.parser import parse_stream

HEADER = """\
# This machine's own settings, made by the first `uv run start.py`; git ignores this file.
# What is set in the environment goes before what is set here. README.md lists all variables.
DEBUG=True
"""
# Made up for each machine: a secret in a template would be everybody's.
SECRETS = ("SECRET_KEY", "PAYMENTS_API_KEY", "FLOWER_METRICS_TOKEN")


class BadEnvironment(ValueError):
    """A line of `.env`, or a variable, cannot be used. The message says what to do."""


def make_once(file: Path) -> bool:
    """Write `.env` with fresh secrets, readable by its owner only; tell whether it was missing.

    An existing file is never touched. A crash leaves the whole file or none.
    """
    if file.exists():
        return False
    lines = [f"{name}={secrets.token_urlsafe(48)}\n" for name in SECRETS]
    write_private(file, HEADER + "".join(lines))
    return True


def read(file: Path) -> dict[str, str]:
    """Return what `file` sets, as Django's settings read it. Raises BadEnvironment."""
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise BadEnvironment(f"{file}: it is not UTF-8 text ({error}). Save it as such") from error
    for binding in parse_stream(StringIO(text)):
        if binding.error or (binding.key is not None and binding.value is None):
            raw = binding.original.string
            line = binding.original.line + raw[: len(raw) - len(raw.lstrip())].count("\n")
            raise BadEnvironment(f"{file}, line {line}: it is not NAME=value. Correct or remove it")
    values = dotenv_values(stream=StringIO(text))
    return {name: value for name, value in values.items() if value is not None}


def effective(file: Path) -> dict[str, str]:
    """Return the environment with what `file` adds to it."""
    return read(file) | dict(os.environ)


def port(environment: Mapping[str, str], name: str, default: int) -> int:
    """Return the port that variable `name` sets. Raises BadEnvironment."""
    text = environment.get(name, str(default))
    if not (text.isascii() and text.isdecimal() and 0 < int(text) < 65_536):
        raise BadEnvironment(f"{name}={text!r} is not a port: set it to a number from 1 to 65535")
    return int(text)


def write_running(file: Path, variables: Mapping[str, str]) -> None:
    """Tell other terminals' commands where the servers are that run now."""
    header = "# Written by start.py while it runs, and removed at its end.\n"
    write_private(file, header + "".join(f"{n}={_quoted(v)}\n" for n, v in variables.items()))


def write_private(file: Path, text: str) -> None:
    """Write a file for its owner only, all of it or nothing."""
    unfinished = file.with_name(f"{file.name}.{os.getpid()}.unfinished")
    try:
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "w", encoding="utf-8") as output:
            output.write(text)
            output.flush()
            os.fsync(output.fileno())
        unfinished.replace(file)
    finally:
        unfinished.unlink(missing_ok=True)


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
