"""What is told of, and by which paths it has yet to be told: kept from run to run."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from .problem import SEVERITIES, Event, Notice, Problem, Severity


@dataclass(kw_only=True)
class Record:
    """One alarm. `told` are the paths that know of it, `owed` those to be told of its change."""

    name: str
    source: str
    severity: Severity
    sentence: str
    remedy: str
    raised_at: datetime
    told_at: datetime | None = None
    cleared_at: datetime | None = None
    told: list[str] = field(default_factory=list)
    owed: list[str] = field(default_factory=list)

    @property
    def is_over(self) -> bool:
        """Tell whether it is gone, and everybody knows."""
        return self.cleared_at is not None and not self.owed

    def see(self, source: str, problem: Problem, now: datetime, paths: Iterable[str]) -> None:
        """Note that it holds. What is gone and untold has not been away; the worse is told anew."""
        is_worse = SEVERITIES.index(problem.severity) > SEVERITIES.index(self.severity)
        self.source, self.severity = source, problem.severity
        self.sentence, self.remedy = problem.sentence, problem.remedy
        if self.cleared_at is not None:
            self.cleared_at = None
            self.owed = [path for path in paths if path not in self.told]
        if is_worse:
            self.owe(now, paths)

    def owe(self, now: datetime, paths: Iterable[str]) -> None:
        """Have it told by all paths."""
        self.told_at, self.owed = now, list(paths)

    def remind(self, now: datetime, paths: Iterable[str], seconds: float) -> None:
        """Have it told again where the last time was long ago."""
        if self.told_at is None or now - self.told_at >= timedelta(seconds=seconds):
            self.owe(now, paths)

    def clear(self, now: datetime, paths: Iterable[str]) -> None:
        """Note that it is gone, and have that told to whoever was told of it."""
        self.cleared_at = now
        self.owed = [path for path in paths if path in self.told]

    def notice(self, path: str) -> Notice:
        """Return what to tell."""
        event: Event = "raised"
        if self.cleared_at is not None:
            event = "cleared"
        elif path in self.told:
            event = "reminded"
        return Notice(
            name=self.name,
            severity=self.severity,
            sentence=self.sentence,
            remedy=self.remedy,
            event=event,
            raised_at=self.raised_at,
        )

    def was_told(self, path: str) -> None:
        """Note that a path took it."""
        self.owed = [each for each in self.owed if each != path]
        self.told = [each for each in self.told if each != path]
        if self.cleared_at is None:
            self.told.append(path)


Records = dict[str, Record]


@dataclass(kw_only=True)
class Found:
    """What the checks found: problems by name, each with its check, and which checks answered."""

    problems: dict[str, tuple[str, Problem]] = field(default_factory=dict)
    answered: set[str] = field(default_factory=set)
    # Checks that could not be asked, and why: what they found before holds until they answer.
    unasked: dict[str, str] = field(default_factory=dict)


def advance(
    records: Records,
    found: Found,
    now: datetime,
    paths: Iterable[str],
    remind_seconds: float,
) -> None:
    """Bring the records up to what was found: raise, remind, clear."""
    paths = list(paths)
    for name, (source, problem) in found.problems.items():
        record = records.get(name)
        if record is None or record.is_over:
            records[name] = new(source, problem, now, paths)
        else:
            record.see(source, problem, now, paths)
            record.remind(now, paths, remind_seconds)
    hidden = {name for _, problem in found.problems.values() for name in problem.hides}
    for name, record in records.items():
        is_unknown = record.source in found.unasked or name in hidden
        if name not in found.problems and record.cleared_at is None and not is_unknown:
            record.clear(now, paths)


def new(source: str, problem: Problem, now: datetime, paths: Iterable[str]) -> Record:
    """Return the record of a problem that was not there before."""
    record = Record(
        name=problem.name,
        source=source,
        severity=problem.severity,
        sentence=problem.sentence,
        remedy=problem.remedy,
        raised_at=now,
    )
    record.owe(now, paths)
    return record
