"""For tests: what a task is called with when it is run twice (every_task.py does it).

An exemption has a reason, of a few words: it is read by whoever looks for what went out twice.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from .twice import TASKS, Did, Twice
from .wanted_samples import RULE

WORDS_OF_A_REASON = 3  # "TODO" tells nobody anything


@dataclass(frozen=True)
class Exempt:
    """A task that is not run twice, and why a second run of it does no harm."""

    reason: str

    def __post_init__(self) -> None:
        """Raise ValueError for no reason."""
        _refuse_no_reason("Exempt()", self.reason)


@dataclass(frozen=True, kw_only=True)
class Sample:
    """What a task is called with, and what its second run may do, each with the reason."""

    # Makes what the task needs and returns its arguments: a sequence, or a mapping by name. Its
    # parameters have the names of fixtures.
    arguments: Callable[..., Sequence[Any] | Mapping[str, Any]]
    # Tables that a second run may change.
    changes_again: Mapping[str, str] = field(default_factory=dict)
    # It may contact the outside again: the far side knows the key, say. `far_side` proves that.
    contacts_again: str = ""
    # It may enqueue again what the first run has enqueued, and nothing else.
    enqueues_again: str = ""
    # Returns what the outside holds (charges, say), which no second run may change. Its parameters
    # have the names of fixtures.
    far_side: Callable[..., Any] = lambda: None

    def __post_init__(self) -> None:
        """Raise ValueError for what is allowed without a reason."""
        allowed = {f"changes_again={{{table!r}}}": why for table, why in self.changes_again.items()}
        for name in ("contacts_again", "enqueues_again"):
            if getattr(self, name):
                allowed[name] = getattr(self, name)
        for what, reason in allowed.items():
            _refuse_no_reason(what, reason)

    def not_allowed(self, done: Twice) -> Did:
        """Return what the second run did and may not."""
        may_change = set(self.changes_again)
        if self.enqueues_again and done.second.enqueued <= done.first.enqueued:
            may_change.add(TASKS)
        changes = {
            name: told for name, told in done.second.changes.items() if name not in may_change
        }
        contacts = [] if self.contacts_again else done.second.contacts
        return replace(done.second, changes=changes, contacts=contacts)


Samples = Mapping[str, Sample | Exempt | Sequence[Sample]]


def _refuse_no_reason(what: str, reason: str) -> None:
    if len(reason.split()) < WORDS_OF_A_REASON:
        raise ValueError(
            f"{what} has the reason {reason!r}: say why a second run does no harm, in"
            f" {WORDS_OF_A_REASON} words or more ({RULE})."
        )
