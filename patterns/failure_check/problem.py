"""What is wrong, in words for whoever is on call."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Severity = Literal["warning", "critical"]
Event = Literal["raised", "reminded", "cleared"]
# The worse goes last.
SEVERITIES = ("warning", "critical")


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing that is wrong.

    `name` is what it is known by from run to run ("queue_late:mail"): a problem with a name that is
    known already is told no second time. `sentence` says what is wrong, `remedy` what to do.
    """

    name: str
    severity: Severity
    sentence: str
    remedy: str

    def __post_init__(self) -> None:
        """Raise `ValueError` where a part is missing or makes no sense."""
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
