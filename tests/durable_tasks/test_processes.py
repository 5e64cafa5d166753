"""Which process runs a task, and whether it is gone."""

import os
from pathlib import Path

import pytest

from patterns.durable_tasks import processes
from patterns.durable_tasks.processes import is_dead_here, process_name
from tests.servers import eventually


def test_who_is_dead_is_known_of_this_machine_and_boot_alone() -> None:
    assert not is_dead_here(process_name(os.getpid()))
    child = os.fork()
    if child == 0:
        os._exit(0)
    eventually(lambda: is_dead_here(process_name(child)))  # a zombie runs nothing
    os.waitpid(child, 0)
    assert is_dead_here(process_name(child))
    assert not is_dead_here(f"another-boot:pid:[1]:{child}")
    assert not is_dead_here("")
    assert not is_dead_here(f"::{child}")


def test_another_users_process_is_not_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", refuse)
    assert not is_dead_here(process_name(os.getpid()))


def test_where_nothing_tells_a_zombie_the_process_counts_as_alive_and_its_lease_decides(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    me = process_name(os.getpid())
    monkeypatch.setattr(processes, "Path", lambda _: Path("/nowhere"))
    assert not is_dead_here(me)
