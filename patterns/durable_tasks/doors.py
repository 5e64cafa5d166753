"""Celery's other ways to call a task, past its row: closed for a durable one."""

from typing import Any

from celery import Task

from .errors import NotKept
from .marks import RUN


class ClosedDoors(Task):  # type: ignore[type-arg]  # generic in the stubs alone
    """The part of a durable task that refuses what would run it without its row."""

    abstract = True
    durable: bool

    def map(self, it: Any) -> Any:
        """Raise `NotKept` for a durable task."""
        self._refuse_loop("map")
        return super().map(it)

    def starmap(self, it: Any) -> Any:
        """Raise `NotKept` for a durable task."""
        self._refuse_loop("starmap")
        return super().starmap(it)

    def chunks(self, it: Any, n: int) -> Any:
        """Raise `NotKept` for a durable task."""
        self._refuse_loop("chunks")
        return super().chunks(it, n)

    def replace(self, sig: Any) -> Any:
        """Raise `NotKept` in a durable run."""
        if self.request.get(RUN) is not None:
            raise NotKept(f"{self.name}: replace() is not kept; enqueue the other task instead.")
        return super().replace(sig)

    def add_to_chord(self, sig: Any, lazy: bool = False) -> Any:
        """Raise `NotKept` in a durable run."""
        if self.request.get(RUN) is not None:
            raise NotKept(f"{self.name}: chords are not kept; enqueue the other task instead.")
        return super().add_to_chord(sig, lazy)  # type: ignore[call-overload]  # of literals

    def _refuse_loop(self, name: str) -> None:
        if self.durable:
            raise NotKept(
                f"{self.name}: {name}() would run it from one plain message that may be lost; use"
                " enqueue_many([(args, kwargs), ...])."
            )
