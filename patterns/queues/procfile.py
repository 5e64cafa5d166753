"""What a Procfile says, and from which queues a command takes."""

import shlex
from collections.abc import Iterator

from .process import Process


def written(processes: tuple[Process, ...]) -> str:
    """Return the text of the Procfile."""
    return "".join(f"{process.name}: {process.line}\n" for process in processes)


def read(text: str) -> dict[str, str]:
    """Return a Procfile's processes; empty lines and comments are left out."""
    lines = (line for line in text.splitlines() if line.strip() and not line.startswith("#"))
    pairs = (line.split(":", 1) for line in lines if ":" in line)
    return {name.strip(): command.strip() for name, command in pairs}


def differences(found: dict[str, str], wanted: dict[str, str]) -> Iterator[str]:
    """Say in what one list of processes is not the other."""
    if missing := [name for name in wanted if name not in found]:
        yield f"it lacks {', '.join(missing)}"
    if strange := [name for name in found if name not in wanted]:
        yield f"nobody declared {', '.join(strange)}"
    changed = [name for name in wanted if name in found and found[name] != wanted[name]]
    if changed:
        yield f"another command runs {', '.join(changed)}"


def queues_taken(command: str) -> tuple[str, list[str]] | None:
    """Return a worker's app and the queues that it names; None where it is no worker."""
    words = shlex.split(command)
    if "worker" not in words or not any(word.rpartition("/")[2] == "celery" for word in words):
        return None
    queues = value_of(words, "-Q", "--queues")
    return value_of(words, "-A", "--app"), [name for name in queues.split(",") if name]


def value_of(words: list[str], short: str, long: str) -> str:
    """Return what an option is given: `-Q mail`, `-Qmail`, `--queues mail`, `--queues=mail`."""
    for word, following in zip(words, [*words[1:], ""], strict=True):
        if word in (short, long):
            return following
        if word.startswith(f"{long}="):
            return word.removeprefix(f"{long}=")
        if word.startswith(short) and not word.startswith("--"):
            return word.removeprefix(short).removeprefix("=")
    return ""
