"""What is wrong, in words for whoever is on call."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Severity = Literal["warning", "critical"]
Event = Literal["raised", "reminded", "cleared"]
# The worse goes last.
SEVERITIES = ("warning", "critical")
# It is a key, and PostgreSQL has room for 2,700 bytes in one.
LONGEST_NAME = 600


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing that is wrong.

    `name` is what it is known by from run to run ("queue_late:mail"): a problem with a name that is
    known already is told no second time. `sentence` says what is wrong, `remedy` what to do. What
    no row or mail can hold is taken out of them: a task's name or an error may have it. `hides` are
    the names of problems of which nothing is known meanwhile: one that was raised holds.
    """

    name: str
    severity: Severity
    sentence: str
    remedy: str
    hides: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raise `ValueError` where a part is missing or makes no sense."""
        object.__setattr__(self, "name", known_by(self.name))  # the way of a frozen dataclass
        object.__setattr__(self, "hides", tuple(known_by(each) for each in self.hides))
        for part in ("sentence", "remedy"):
            object.__setattr__(self, part, encodable(getattr(self, part)))
        for part in ("name", "sentence", "remedy"):
            if not getattr(self, part).strip():
                raise ValueError(f"Problem {self.name!r} has no {part}: whoever is told needs it.")
        if self.severity not in SEVERITIES:
            raise ValueError(
                f"Problem {self.name!r}: severity is one of {', '.join(SEVERITIES)},"
                f" not {self.severity!r}."
            )


@dataclass(frozen=True, kw_only=True)
class Notice(Problem):
    """A problem as it is told: raised, reminded of, or cleared; what `notify(problem)` is given."""

    event: Event
    raised_at: datetime


def known_by(name: str) -> str:
    """Return a name as it is kept."""
    return one_line(name)[:LONGEST_NAME].strip()


def one_line(text: str) -> str:
    """Return a text without line breaks: a name in it may hold what would end a header."""
    return encodable(" ".join("".join(c if c.isprintable() else " " for c in text).split()))


def encodable(text: str) -> str:
    """Return a text that a mail and a row can hold: a task's name may have half a character."""
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")


def duration(seconds: float) -> str:
    """Return a time as people say it: "40 s", "12 min", "3 h", "2 days"."""
    for length, unit in ((172_800, "days"), (7200, "h"), (120, "min")):
        if seconds >= length:
            return f"{seconds / {'days': 86_400, 'h': 3600, 'min': 60}[unit]:.0f} {unit}"
    return f"{seconds:.0f} s"
