"""Keep the lease of the running task; a watchdog ends this process before a lease that it lost."""

import os
import threading
from typing import Any

from celery import signals
from celery.exceptions import Ignore

from .claim import Claim
from .keeper import Keeper
from .marks import PUBLICATION


class Kept:
    """The block that holds the lease of a claim that was made just now.

    A time limit may strike as it begins or ends: what it has left held is let go once the task has
    ended. No generator: that of a block so left is closed by the garbage collector amid a later
    task, whose lease it would let go.
    """

    def __init__(self, claim: Claim, time_limit: float | None) -> None:
        """Nothing is held yet."""
        self._claim, self._time_limit = claim, time_limit

    def __enter__(self) -> None:
        """Begin to renew; raise `Ignore` where the lease has ended before that."""
        claim = self._claim
        if not _keeper().keep(claim, self._time_limit):
            let_go()
            raise Ignore(f"The lease of {claim.name}[{claim.id}] ended before its body began.")

    def __exit__(self, *_: object) -> None:
        """Renew no more."""
        let_go()


def let_go() -> None:
    """Hold the lease of this process' run no more: it has committed, and may go on as it likes."""
    if _keepers and _keepers[-1].pid == os.getpid():
        _keepers[-1].drop()


def is_of_another_thread(name: str) -> bool:
    """Tell whether a task of this name runs in this process, and not in the calling thread."""
    if not _keepers or _keepers[-1].pid != os.getpid():
        return False
    held = _keepers[-1].current
    is_here = _keepers[-1].runs_in == threading.get_ident()
    return held is not None and held.name == name and not is_here


@signals.task_prerun.connect
def _rest_for_a_plain_task(task: Any, **_: Any) -> None:
    """Disarm before a task that has no lease, and may hold the interpreter for long."""
    if _keepers and task.request.get(PUBLICATION) is None:
        _keeper().rest()


@signals.task_postrun.connect
def _let_go_of_an_ended_task(task_id: Any, **_: Any) -> None:
    """Let go where the block was interrupted; not after a task that the leased one ran itself."""
    held = _keepers[-1].current if _keepers else None
    if held is not None and str(held.id) == str(task_id):
        let_go()


_keepers: list[Keeper] = []


def _keeper() -> Keeper:
    """Return this process's living thread: a fork has none of its parent's."""
    if not _keepers or _keepers[-1].pid != os.getpid() or not _keepers[-1].is_alive():
        _keepers[:] = [Keeper()]
    return _keepers[-1]
