"""The Celery app that knows its broker."""

from collections.abc import Callable
from typing import Any

from celery import Celery
from celery.app.amqp import AMQP
from kombu.utils.objects import cached_property

from . import starting  # noqa: F401  it listens to the signals of workers and beats
from .connection import guarded
from .guard import Guard
from .owner import Owner


class GuardedCelery(Celery):
    """A Celery app with a broker of its own.

    `owner` is who it is, or a function that says so when first needed. `broker_setting` is what
    people change to give it another broker. `may_evict` lets its processes start on a broker that
    throws messages away where it is full.
    """

    def __init__(
        self,
        *args: Any,
        owner: Owner | Callable[[], Owner],
        broker_setting: str = "broker_url",
        may_evict: bool | Callable[[], bool] = False,
        **options: Any,
    ) -> None:
        """Take Celery's arguments besides. Nothing is connected."""
        self.guard = Guard(self, owner, broker_setting, may_evict)
        super().__init__(*args, **options)

    @cached_property  # Celery's own is one too, where celery-types say `property`
    def amqp(self) -> AMQP:  # pyright: ignore[reportIncompatibleMethodOverride]
        """As Celery's, or as a subclass has it, with connections that are looked at."""
        amqp: Any = super().amqp
        amqp.Connection = amqp.BrokerConnection = guarded(amqp.Connection, self.guard)
        return amqp  # type: ignore[no-any-return]

    def send_task(self, name: str, *args: Any, **options: Any) -> Any:
        """Publish a plain task; raise BrokerOfAnother where the broker is not ours.

        The first publication connects, and so asks; from then on a thread looks. Nothing is waited
        for here but what Celery waits for.
        """
        self.guard.watch()
        if self.guard.refusal is not None:
            raise self.guard.refusal
        return super().send_task(name, *args, **options)
