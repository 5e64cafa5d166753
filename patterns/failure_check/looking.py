"""Look: run every check, each in a thread, in a bounded time, and each fails alone."""

import time
from collections.abc import Callable, Iterable
from functools import partial

from django.db import Error
from django.utils.module_loading import import_string

from . import configuration
from .bounded import Attempt, TookTooLong, line
from .postgres import answers, database_problem
from .problem import Problem
from .records import Found

# The database has half the time: whether the rest can be told depends on it.
DATABASE = f"{__package__}.postgres.answers"
# The source of what is said of the checks themselves.
HERE = f"{__package__}.looking"

Check = Callable[[], Iterable[Problem]]


def look() -> Found:
    """Return what is wrong now, in FAILURE_CHECK_TIMEOUT_SECONDS or little more. Raises nothing.

    Where the database is away that is the problem; the checks that need it are unasked. Any other
    check that raises, or takes too long, is a problem itself.
    """
    seconds = configuration.timeout_seconds()
    until = time.monotonic() + seconds
    database = Attempt(DATABASE, answers)
    attempts = {path: Attempt(path, partial(_ask, path)) for path in configuration.checks()}
    found = Found()
    is_away = _look_at_database(database, seconds / 2, found)
    for path, attempt in attempts.items():
        try:
            problems = attempt.result(until - time.monotonic())
        except Exception as error:
            found.unasked[path] = line(error)
            if not (is_away and isinstance(error, Error | TookTooLong)):
                _add(found, HERE, _failed(path, error))
        else:
            found.answered.add(path)
            for problem in problems:
                _add(found, path, problem)
    return found


def _look_at_database(attempt: Attempt, seconds: float, found: Found) -> bool:
    try:
        attempt.result(seconds)
    except Exception as error:
        _add(found, DATABASE, database_problem(line(error)))
        return True
    found.answered.add(DATABASE)
    return False


def _ask(path: str) -> list[Problem]:
    check: Check = import_string(path)
    problems = list(check())
    for each in problems:  # one that is none must fail here, where it stops no other check
        if not isinstance(each, Problem):
            raise TypeError(f"It found {each!r:.100}, which is no Problem.")
    return problems


def _add(found: Found, source: str, problem: Problem) -> None:
    found.problems[problem.name] = (source, problem)


def _failed(path: str, error: Exception) -> Problem:
    return Problem(
        name=f"check_failed:{path}",
        severity="warning",
        sentence=f"The check {path} could not be made: {type(error).__name__}: {line(error)}",
        remedy="What it looks for is not known now. Correct what it says, or take it out of"
        " FAILURE_CHECKS.",
    )
