"""Ask what may never answer: a question is given up after some seconds, and ties up one thread."""

import os
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

from django.db import connections

T = TypeVar("T")


class NoAnswer(Exception):
    """The question was still open when its time was up."""


class _Question(Generic[T]):
    def __init__(self, ask: Callable[[], T]) -> None:
        self.ask = ask
        self.is_done = threading.Event()
        self.is_given_up = False
        self.answer: Any = None
        self.error: BaseException | None = None

    def put(self) -> None:
        try:
            self.answer = self.ask()
        except BaseException as error:
            self.error = error
        self.is_done.set()


class Bounded:
    """One thread a process that asks one question at a time, on database connections of its own.

    A database that is frozen, not dead, answers nobody, and no timeout of the client's ends that
    wait: whoever asks goes on after `seconds`, and the thread stays until the database is back.
    What was given up meanwhile is never asked, so nothing piles up; who asks while another question
    is answered waits its turn. A daemon: it holds up no end.
    """

    def __init__(self) -> None:
        """Start no thread yet: the process may fork."""
        self._lock = threading.Lock()
        self._pid = 0
        self._questions: SimpleQueue[_Question[Any]] = SimpleQueue()

    def ask(self, ask: Callable[[], T], *, seconds: float) -> T:
        """Return what `ask()` returns, or raise what it does; raise `NoAnswer` after `seconds`."""
        question = _Question(ask)
        self._begin().put(question)
        if not question.is_done.wait(seconds):
            question.is_given_up = True
            raise NoAnswer(f"There was no answer within {seconds:g} s.")
        if question.error is not None:
            raise question.error
        answer: T = question.answer
        return answer

    def _begin(self) -> "SimpleQueue[_Question[Any]]":
        with self._lock:
            if self._pid != os.getpid():
                self._pid, self._questions = os.getpid(), SimpleQueue()
                threading.Thread(
                    target=_answer, args=(self._questions,), name="bounded", daemon=True
                ).start()
        return self._questions


def _answer(questions: "SimpleQueue[_Question[Any]]") -> None:
    while True:
        question = questions.get()
        if not question.is_given_up:
            question.put()
        # Open ones count among the server's, and a test's database could not be dropped.
        connections.close_all()
