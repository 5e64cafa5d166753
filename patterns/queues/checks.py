"""System checks: each queue has a worker of its own, and each task a queue that suits it.

No server is contacted.
"""

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from . import configuration, procfile
from .process import Process
from .queue import Queue
from .task_checks import wrong_tasks

PRINT = "Run `python manage.py queues --format procfile > Procfile`."


@register("queues")
def check_queues(**_: Any) -> list[CheckMessage]:
    """Return what is wrong with the queues, their workers and their tasks."""
    found = list(wrong_settings())
    try:
        queues, processes = configuration.queues(), configuration.processes()
    except ValueError as error:
        return [*found, not_configured(str(error))]
    found += wrong_processes(queues, processes)
    found += wrong_procfile(processes)
    found += wrong_tasks(configuration.lists())
    return found


def wrong_settings() -> Iterator[CheckMessage]:
    """`queues.E008`: a setting that nobody reads."""
    for name in dir(settings):
        if name.startswith("QUEUES_") and name not in configuration.NAMES:
            close = get_close_matches(name, configuration.NAMES, n=1)
            meant = f" Did you mean {close[0]}?" if close else ""
            yield not_configured(f"{name} is no setting of the queues.{meant}")


def not_configured(what: str) -> CheckMessage:
    """`queues.E008`: nothing can be checked."""
    return Error(
        what,
        hint='Set QUEUES_LISTS = "config.queues.APPS" and QUEUES_PROCESSES ='
        ' "config.processes.PROCESSES", say; the settings are'
        f" {', '.join(configuration.NAMES)}.",
        id="queues.E008",
    )


def wrong_processes(
    queues: tuple[Queue, ...], processes: tuple[Process, ...]
) -> Iterator[CheckMessage]:
    """`queues.E002`, `queues.E004`: a queue without a worker, a worker with many queues."""
    taken = [procfile.queues_taken(process.command) for process in processes]
    for queue in queues:
        if not any(each and each[0] == queue.app and queue.name in each[1] for each in taken):
            yield Error(
                f"Queue {queue.name!r} has no worker among the processes: its tasks would wait for"
                " ever.",
                hint=f"Add its worker to QUEUES_PROCESSES ({settings.QUEUES_PROCESSES}), or all of"
                " them by `*QUEUES.processes()`.",
                id="queues.E002",
            )
    commands = {process.name: process.command for process in processes}
    declared = {queue.name for queue in queues}
    yield from shared_workers("QUEUES_PROCESSES", commands, declared)


def wrong_procfile(processes: tuple[Process, ...]) -> Iterator[CheckMessage]:
    """`queues.E003`, `queues.E004`: a Procfile that says something else than the list."""
    path = configuration.procfile()
    if path is None:
        return
    found = procfile.read(path.read_text(encoding="utf-8"))
    wanted = {process.name: process.line for process in processes}
    if faults := list(procfile.differences(found, wanted)):
        yield Error(
            f"{path.name} is not what QUEUES_PROCESSES says: {'; '.join(faults)}.",
            hint=PRINT,
            id="queues.E003",
        )
    declared = {queue.name for queue in configuration.queues()}
    own = {name: command for name, command in found.items() if wanted.get(name) != command}
    yield from shared_workers(path.name, own, declared)


def shared_workers(
    where: str, commands: dict[str, str], declared: set[str]
) -> Iterator[CheckMessage]:
    """`queues.E004`: a worker that takes from several queues, from all, or from an unknown one."""
    for name, command in commands.items():
        worker = procfile.queues_taken(command)
        if worker is None:
            continue
        if fault := fault_of(worker[1], declared):
            yield Error(
                f"{where}: {name} takes from {fault}",
                hint="Give each queue a worker of its own, with one name after -Q."
                f" {PRINT if where != 'QUEUES_PROCESSES' else ''}".rstrip(),
                id="queues.E004",
            )


def fault_of(names: list[str], declared: set[str]) -> str:
    """Return what is wrong with the queues that a worker takes from, or nothing."""
    if not names:
        return "every queue: whatever is slow on one of them delays all others."
    if len(names) > 1:
        return f"{', '.join(names)}: whatever is slow on one of them delays the others."
    if names[0] not in declared:
        return f"{names[0]!r}, which is not declared: declared are {', '.join(sorted(declared))}."
    return ""
