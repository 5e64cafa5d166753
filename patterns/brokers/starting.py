"""Workers and beats refuse to start at another's broker, and end where theirs becomes another's.

Connected when an app is made. Exit status 78 is `EX_CONFIG`: starting again will not help, which a
supervisor may be told (systemd: `RestartPreventExitStatus=78`).
"""

import logging
import time
from importlib import import_module
from typing import Any

from celery import signals

from . import server
from .errors import BrokerNotYetOurs, BrokerOfAnother
from .guard import WAIT_SECONDS, Guard

logger = logging.getLogger(__name__)

EX_CONFIG = 78
PAUSE_SECONDS = 0.5


def refuse_another(guard: Guard) -> None:
    """End this process where its app's broker is another's, or may evict; start to look at it.

    A broker that is away is not waited for: each connection asks when it is back.
    """
    try:
        _look(guard)
        if (fault := server.eviction_fault(guard)) is not None:
            _end(fault)
    except BrokerOfAnother as refusal:
        _end(str(refusal))
    except Exception as error:  # whatever a transport raises
        logger.info("The broker of %s is away, and asked once it is back: %s", guard.owner, error)


def end_if_another(guard: Guard) -> None:
    """End this process where its app's broker has become another's, as the guard last saw."""
    if guard.refusal is not None:
        _end(str(guard.refusal))


@signals.worker_init.connect
def begin_worker(sender: Any, **_: Any) -> None:
    """Refuse, and look from then on: the worker ends its running tasks, hands back, and ends."""
    if (guard := _guard_of(sender.app)) is not None:
        refuse_another(guard)
        guard.watch(then=_stop_worker)


@signals.beat_init.connect
def begin_beat(sender: Any, **_: Any) -> None:
    """Refuse, and look from then on: beat sends nothing where its broker becomes another's."""
    if (guard := _guard_of(sender.app)) is not None:
        refuse_another(guard)
        guard.watch()


def _guard_of(app: Any) -> Guard | None:
    guard = getattr(app, "guard", None)
    return guard if isinstance(guard, Guard) else None


def _stop_worker(refusal: BrokerOfAnother) -> None:
    """As SIGTERM does, with a status of its own."""
    # A worker's process has loaded it, and no other needs it.
    state: Any = import_module("celery.worker.state")
    state.should_stop = EX_CONFIG


def _look(guard: Guard) -> None:
    deadline = time.monotonic() + 2 * WAIT_SECONDS
    is_said = False
    while True:
        try:
            guard.look()
            return
        except BrokerNotYetOurs as unclear:
            if time.monotonic() > deadline:
                raise
            if not is_said:
                logger.warning("%s", unclear)
                is_said = True
            time.sleep(PAUSE_SECONDS)


def _end(why: str) -> None:
    logger.critical("%s", why)
    raise SystemExit(EX_CONFIG)
