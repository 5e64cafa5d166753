"""What may hang is done in a thread, and waited for so long and no longer.

A frozen server answers neither well nor badly, and no library's timeouts cover all of that.
"""

from collections.abc import Callable
from threading import Thread
from typing import Any

from django.db import connections

_under_way: dict[str, Thread] = {}


class TookTooLong(Exception):
    """It gave no answer in time."""


class Attempt:
    """A function that runs in a thread, with database connections of its own.

    One of a name at a time: while an earlier one hangs no other is begun, so that an outage of an
    hour costs one thread. A process that ends waits for none.
    """

    def __init__(self, name: str, function: Callable[[], Any]) -> None:
        """Begin."""
        self.name = name
        self._results: list[Any] = []
        self._error: BaseException | None = None
        before = _under_way.get(name)
        self._is_refused = before is not None and before.is_alive()
        self._thread = Thread(target=self._run, args=(function,), name=name, daemon=True)
        if not self._is_refused:
            _under_way[name] = self._thread
            self._thread.start()

    def result(self, seconds: float) -> Any:
        """Return what it returned, or raise what it raised; wait so long at most: `TookTooLong`."""
        if not self._is_refused:
            self._thread.join(max(0.0, seconds))
        if self._is_refused or self._thread.is_alive():
            raise TookTooLong(f"{self.name} does not answer.")
        if self._error is not None:
            raise self._error
        return self._results[0]

    def _run(self, function: Callable[[], Any]) -> None:
        try:
            self._results.append(function())
        except Exception as error:
            self._error = error
        except BaseException as error:  # sys.exit(): whoever asks is not to end by it
            self._error = RuntimeError(f"{self.name} raised {error!r}.")
        finally:
            connections.close_all()


def in_time(name: str, function: Callable[[], Any], seconds: float) -> Any:
    """Return what a function returns. Raises what it raises, and `TookTooLong`."""
    return Attempt(name, function).result(seconds)


def line(error: BaseException) -> str:
    """Return an error as one line that ends as a sentence does."""
    words = (" ".join(str(error).split()) or type(error).__name__)[:500]
    return words if words.endswith(("?", "!", ".")) else f"{words}."
