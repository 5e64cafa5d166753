"""Which process runs a task, and whether it is gone."""

import os

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
