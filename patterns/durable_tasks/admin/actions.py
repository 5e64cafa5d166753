"""What can be done to failed tasks: replay and discard."""

from collections.abc import Callable
from dataclasses import dataclass

from .. import failed as failed_set
from . import permissions


@dataclass(frozen=True, kw_only=True)
class Action:
    """What can be done to failed tasks."""

    name: str
    verb: str
    going_on: str
    done: str
    permission: str
    run: Callable[..., failed_set.Outcome]
    # One row is not asked about: it can fail again, and nothing is lost.
    is_asked_about_one: bool


REPLAY = Action(
    **{"name": "replay", "verb": "Replay", "going_on": "Replaying", "done": "replayed"},
    permission=permissions.REPLAY,
    run=failed_set.replay,
    is_asked_about_one=False,
)
DISCARD = Action(
    **{"name": "discard", "verb": "Discard", "going_on": "Discarding", "done": "discarded"},
    permission=permissions.DISCARD,
    run=failed_set.discard,
    is_asked_about_one=True,
)
ACTIONS = (REPLAY, DISCARD)
