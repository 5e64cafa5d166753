"""What a process knows of its app's broker, and what it does where that is another's."""

import logging
import os
import threading
import time
from collections.abc import Callable
from typing import Any

import kombu
import redis
from celery import Celery

from . import evidence, refusals, stamp
from .bounded import connected
from .errors import BrokerNotYetOurs, BrokerOfAnother
from .owner import Owner

logger = logging.getLogger(__name__)

# How often a process looks again. After a flush nothing says whose the broker is until one of its
# owner's processes has looked; a look is a connection of a millisecond.
LOOK_SECONDS = 10.0
# A server without a stamp at which somebody waits is left alone for this long: whoever it is has
# looked by then, slow answers included, and put the stamp back.
WAIT_SECONDS = 15.0
Then = Callable[[BrokerOfAnother], object]


class Guard:
    """One app's. `refusal` is why its broker may not be used now, as last looked; None if it may.

    Fork: the child looks for itself once it publishes. Crash: the stamp stays.
    """

    def __init__(
        self,
        app: Celery,
        owner: Owner | Callable[[], Owner],
        setting: str,
        may_evict: bool | Callable[[], bool] = False,
    ) -> None:
        """Know nothing yet. `setting` is the name of what to change, for people."""
        self.app, self.setting = app, setting
        self._owner, self._may_evict = owner, may_evict
        self.refusal: BrokerOfAnother | None = None
        self._ours: set[str] = set()  # brokers that this process saw to be ours when it last looked
        self._unclaimed: dict[str, float] = {}  # when it was first seen that somebody waits there
        self._unable: set[str] = set()
        self._watching_pid = 0

    @property
    def owner(self) -> Owner:
        """Whose the broker should be."""
        return self._owner if isinstance(self._owner, Owner) else self._owner()

    @property
    def may_evict(self) -> bool:
        """Whether the broker may throw messages away."""
        return self._may_evict if isinstance(self._may_evict, bool) else self._may_evict()

    def require(self, connection: kombu.Connection, channel: Any) -> None:
        """Raise BrokerOfAnother unless a connected broker is ours; stamp it where nobody has.

        What the server does not allow us to ask, or to stamp since it is full, is logged once, and
        taken for ours. Raises what redis does of a broker that goes away.
        """
        where = connection.as_uri()
        try:
            with stamp.client_of(connection, channel) as client:
                self._require(where, client, channel)
        except redis.ResponseError as error:
            if where not in self._unable:
                self._unable.add(where)
                logger.error("Whose %s is cannot be told or stamped: %s", where, error)

    def look(self) -> None:
        """Connect, for taking and for sending, and so look anew. Raises what `require()` does."""
        with connected(self.app):
            pass
        if self.app.conf.broker_read_url != self.app.conf.broker_write_url:
            with connected(self.app, self.app.conf.broker_read_url):
                pass

    def watch(self, then: Then = lambda refusal: None) -> None:
        """Look every now and then, in a thread of this process, and call `then` at each refusal.

        What `then` raises is logged, and it is called again at the next refusal.
        """
        if self._watching_pid == os.getpid():
            return
        self._watching_pid = os.getpid()
        name = f"broker of {self.app.main}"
        threading.Thread(target=self._watch, args=(then,), name=name, daemon=True).start()

    def look_once(self, then: Then = lambda refusal: None) -> None:
        """Look, and keep what was seen.

        A broker that is away, or may become ours, leaves it as it was: a later look tells.
        """
        try:
            self.look()
        except BrokerNotYetOurs as unclear:  # it passes in seconds: no reason to end
            logger.warning("%s", unclear)
        except BrokerOfAnother as refusal:
            if self.refusal is None:
                logger.critical("%s", refusal)
            self.refusal = refusal
            then(refusal)
        except Exception as error:  # whatever a transport raises: whoever needs it says so
            logger.debug("The broker is not looked at: %s", error)
        else:
            if self.refusal is not None:
                logger.warning("The broker of %s is its own again.", self.owner)
            self.refusal = None

    def _watch(self, then: Then) -> None:
        while True:
            time.sleep(LOOK_SECONDS)
            try:
                self.look_once(then)
            except Exception:  # of `then`: without this thread a refusal would last for ever
                logger.exception("What %s does at a broker of another's failed:", self.app.main)

    def _require(self, where: str, client: redis.Redis, channel: Any) -> None:
        found = stamp.read(client)
        if found is None:
            if where not in self._ours:
                self._refuse_used(where, client, channel)
            stamp.put(client, self.owner)
            found = stamp.read(client)  # whoever was first
        self._unclaimed.pop(where, None)  # a later flush is waited for anew
        if found is None or found.owner == str(self.owner):  # flushed again: the next look stamps
            self._ours.add(where)
            return
        self._ours.discard(where)
        raise BrokerOfAnother(refusals.of_stamped(where, found, self.owner, self.setting))

    def _refuse_used(self, where: str, client: redis.Redis, channel: Any) -> None:
        """Raise where a server without a stamp is, or may be, another's."""
        if names := evidence.strange_queues(self.app, channel):
            words = refusals.of_unstamped(where, names, self.owner, self.setting)
            raise BrokerOfAnother(words)
        if evidence.somebody_waits(client):
            since = self._unclaimed.setdefault(where, time.monotonic())
            if time.monotonic() - since < WAIT_SECONDS:
                raise BrokerNotYetOurs(
                    f"{where} bears no stamp, and workers wait there: {self.owner} takes it"
                    f" unless its owner puts the stamp back within {WAIT_SECONDS:g} s."
                )
