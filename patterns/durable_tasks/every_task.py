"""For tests: every task of a project is run twice, and one without a sample fails the suite.

    CASES = cases([app], SAMPLES, where="tests/samples.py")

    @pytest.mark.django_db(transaction=True)
    @pytest.mark.parametrize("case", CASES, ids=str)
    def test_a_second_run_does_nothing(case, request):
        case.run(request.getfixturevalue)

A second run that changes a row or contacts the outside (contacts.py says what is seen) fails, and
so does a sample whose first run does nothing. Sequences are not compared: what rolls back, or meets
a conflict, takes numbers too.
"""

import inspect
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from celery import Celery
from django.db import connections

from . import configuration
from .samples import Exempt, Sample, Samples
from .twice import Twice, twice
from .wanted_samples import has_done_nothing, has_no_sample, has_no_task, is_done_again


@dataclass(frozen=True, kw_only=True)
class Case:
    """A sample that is to be run twice, or one that is missing."""

    name: str
    task: Any
    sample: Sample | None
    number: int
    where: str
    own_servers: Collection[str]

    def __str__(self) -> str:
        """Return the task's name, as pytest shows it."""
        return self.name if self.number == 1 else f"{self.name}-{self.number}"

    def run(self, fixture: Callable[[str], Any] | None = None) -> None:
        """Run the task twice; raise AssertionError where it breaks rule 4, or nothing shows it.

        `fixture` gives what the sample's functions ask for. Raises also what the first run does.
        """
        if self.task is None:
            raise AssertionError(has_no_task(self.name, self.where))
        if self.sample is None:
            raise AssertionError(has_no_sample(self.task, self.where))
        _refuse_open_transaction()
        done = self._done(self.sample, fixture)
        if not done.first.told():
            raise AssertionError(has_done_nothing(self.name, self.where))
        if told := self.sample.not_allowed(done).told():
            raise AssertionError(is_done_again(self.name, told, self.where))

    def _done(self, sample: Sample, fixture: Callable[[str], Any] | None) -> Twice:
        given = _called(sample.arguments, fixture)
        args, kwargs = ((), given) if isinstance(given, Mapping) else (given, {})
        far_side = partial(_called, sample.far_side, fixture)
        return twice(self.task, args, kwargs, own_servers=self.own_servers, far_side=far_side)


def cases(
    apps: Iterable[Celery], samples: Samples, *, where: str, own_servers: Collection[str] = ()
) -> list[Case]:
    """Return a case for each sample, each task without one, and each sample without a task.

    `where` is the file of `samples`, for those who have to add one; `own_servers` are no outside: a
    cache, as `host:port`. Raises what the import of a task's module does.
    """
    tasks = registered(apps)
    found = {name: list(_samples_of(samples.get(name))) for name in tasks.keys() | samples.keys()}
    known: dict[str, Any] = {"where": where, "own_servers": own_servers}
    return [
        Case(name=name, task=tasks.get(name), sample=sample, number=number, **known)
        for name in sorted(found)
        for number, sample in enumerate(found[name] if name in tasks else [None], start=1)
    ]


def registered(apps: Iterable[Celery]) -> dict[str, Any]:
    """Import and return the tasks of apps by name, without Celery's own, which are none of ours."""
    tasks: dict[str, Any] = {}
    for app in apps:
        app.loader.import_default_modules()
        app.finalize()
        tasks = {**app.tasks, **tasks}
    return {
        name: task for name, task in tasks.items() if task.__module__.partition(".")[0] != "celery"
    }


def _samples_of(given: Sample | Exempt | Sequence[Sample] | None) -> Iterator[Sample | None]:
    if isinstance(given, Sample):
        yield given
    elif not given:
        yield None
    elif not isinstance(given, Exempt):
        yield from given


def _called(function: Callable[..., Any], fixture: Callable[[str], Any] | None) -> Any:
    names = inspect.signature(function).parameters
    if names and fixture is None:
        raise TypeError(f"{function} asks for {', '.join(names)}: call run() with the fixtures.")
    return function(**{name: fixture(name) for name in names}) if fixture else function()


def _refuse_open_transaction() -> None:
    if connections[configuration.database()].in_atomic_block:
        raise AssertionError(
            "A test's transaction is open: what a task does at its commit, and the database's"
            " clock, stand still in it. Use @pytest.mark.django_db(transaction=True), or Django's"
            " TransactionTestCase."
        )
