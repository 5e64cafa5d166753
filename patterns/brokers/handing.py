"""Whose a broker is, for people; and how it changes hands, by a word that is no accident."""

from dataclasses import dataclass, field
from typing import Any

import redis

from . import evidence, refusals, stamp
from .app import GuardedCelery
from .bounded import connected
from .errors import HandOverRefused
from .owner import Owner

NOBODY = "nobody"


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What is seen of a broker now. `waiting` counts the messages of each queue that has any."""

    app: str  # who asks: app@environment
    broker: str
    owner: str  # of the broker; "nobody" where it bears no stamp
    refusal: str | None = None  # why this app may not use it
    stamped_by: str = ""
    stamped_at: str = ""
    waiting: dict[str, int] = field(default_factory=dict)


def refusal(app: GuardedCelery) -> str | None:
    """Return why an app may not use its broker; None where it may, or nobody can tell."""
    try:
        return show(app).refusal
    except HandOverRefused:  # no Redis
        return None


def show(app: GuardedCelery) -> Shown:
    """Look at an app's broker, and change nothing. Raises what the transport raises."""
    with connected(app, guarded=False) as connection:
        channel = _channel(app, connection)
        with stamp.client_of(connection, channel) as client:
            found = stamp.read(client)
        strange = evidence.strange_queues(app, channel)
        lengths = {name: _length(channel, name) for name in sorted({*app.amqp.queues, *strange})}
        return Shown(
            app=str(app.guard.owner),
            broker=connection.as_uri(),
            owner=NOBODY if found is None else found.owner,
            refusal=_refusal(app, connection.as_uri(), found, strange),
            stamped_by="" if found is None else found.by,
            stamped_at="" if found is None else found.at,
            waiting={name: length for name, length in lengths.items() if length},
        )


def hand_over(app: GuardedCelery, before: str, to: Owner | None = None) -> None:
    """Give an app's broker to `to`, its own app if None; `before` is whose it is ("nobody").

    Processes of the one before end, or cease to send, within seconds; messages that wait there
    stay. Two at once: one is refused. Raises HandOverRefused where it is not `before`'s, and what
    the transport raises.
    """
    with connected(app, guarded=False) as connection:
        channel = _channel(app, connection)
        with stamp.client_of(connection, channel) as client:
            found = stamp.read(client)
            whose = NOBODY if found is None else found.owner
            if whose != before:
                raise HandOverRefused(f"{connection.as_uri()} is of {whose}, not of {before}.")
            if not stamp.replace(client, found, to or app.guard.owner):
                raise HandOverRefused("Somebody else stamped it at the same time: look again.")


def _channel(app: GuardedCelery, connection: Any) -> Any:
    if connection.transport.driver_type != "redis":
        raise HandOverRefused(
            f"The broker of {app.guard.owner} is no Redis or Valkey, and bears no stamp."
        )
    return connection.default_channel


def _refusal(
    app: GuardedCelery, where: str, found: stamp.Stamp | None, strange: list[str]
) -> str | None:
    owner, setting = app.guard.owner, app.guard.setting
    if found is not None:
        is_own = found.owner == str(owner)
        return None if is_own else refusals.of_stamped(where, found, owner, setting)
    return refusals.of_unstamped(where, strange, owner, setting) if strange else None


def _length(channel: Any, queue: str) -> int:
    """Count what waits, of all priorities."""
    client = redis.Redis(connection_pool=channel.client.connection_pool)
    prefix = channel.global_keyprefix
    steps = (channel._q_for_pri(queue, step) for step in channel.priority_steps)
    return sum(int(client.llen(f"{prefix}{key}")) for key in steps)
