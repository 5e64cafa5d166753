"""Which Celery app's workers take from a queue: the current one's, or another app's of the project.

Another app has a broker of its own. Its failed plain tasks are rows beside the current app's, and
a row of its queues is published to its broker: `manage.py relay` runs a relay for each app.
"""

import logging
import os
import threading
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from celery import Celery, current_app
from django.utils.module_loading import import_string

from . import configuration
from .relay import Relay, Turned, nothing

logger = logging.getLogger(__name__)

FAILED = 1  # the exit status


def of_queue(queue: str) -> Celery:
    """Return the app whose workers take from a queue. Raises ImportError for a wrong setting."""
    path = configuration.other_apps().get(queue)
    return _current() if path is None else _imported(path)


def relays(queues: Iterable[str] = ()) -> list[Relay]:
    """Return the current app's relay, and one for each other app; for the named queues alone,
    where there are any. Raises ImportError for a wrong setting."""
    only, others = set(queues), configuration.other_apps()
    made = []
    if not only or only - others.keys():
        made.append(Relay(_current(), sorted(only - others.keys()), but=others))
    for path in sorted(set(others.values())):
        own = [name for name in others if others[name] == path and (not only or name in only)]
        if own:
            made.append(Relay(_imported(path), sorted(own), has_upkeep=not made))
    return made


def run(all_relays: list[Relay], turned: Turned = nothing) -> None:
    """Run the first relay here and each other one in a thread, until SystemExit.

    They share nothing, so one whose broker is away holds up no other. A thread that ends ends the
    process, which its supervisor starts again; everything in flight is leased. `turned` is called
    after each turn of each, in its thread.
    """
    first, *others = all_relays
    for relay in others:
        name = f"relay of {relay.app.main}"
        threading.Thread(target=_run_or_end, args=(relay, turned), name=name, daemon=True).start()
    first.run(turned)


def _run_or_end(relay: Relay, turned: Turned) -> None:
    try:
        relay.run(turned)
    except BaseException:
        logger.critical("The %s ended, so this process does.", threading.current_thread().name)
        logger.exception("Why:")
    finally:
        logging.shutdown()
        os._exit(FAILED)


def _current() -> Celery:
    app: Any = current_app
    return app._get_current_object()  # type: ignore[no-any-return]  # a proxy


@lru_cache(maxsize=16)
def _imported(path: str) -> Celery:
    app: Celery = import_string(path)
    return app
