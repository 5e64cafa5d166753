"""One task as lists show it: its few columns, in words that are fit to be looked at."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from ..models import State
from ..obstacles import obstacle
from . import showing, words


@dataclass(frozen=True)
class Row:
    """What a list says about a task."""

    id: UUID
    name: str
    queue: str
    state: int
    plain: bool
    enqueued_at: datetime
    due_at: datetime
    started_at: datetime | None
    failed_at: datetime | None
    discarded_at: datetime | None
    retries: int
    crashes: int
    failures: int
    reason: str
    exception: str
    worker: str
    error: str
    shown: str
    has_arguments: bool
    arguments: str | None
    subject: str = ""

    @property
    def title(self) -> str:
        """Return the task's name; a message that could not be read may have none."""
        return showing.line(self.name) or "(no name)"

    @property
    def queue_name(self) -> str:
        """Return the queue's name, fit to be looked at."""
        return showing.line(self.queue)

    @property
    def worker_name(self) -> str:
        """Return Celery's name of the worker that runs it, fit to be looked at."""
        return showing.line(self.worker)

    @property
    def what(self) -> str:
        """Return what tells it from others of its name: its subject, else its arguments."""
        return showing.line(self.subject) or showing.call(self.shown)

    @property
    def why(self) -> str:
        """Return its error on one line, else the reason."""
        return showing.line(self.error) or words.reason(self.reason)

    @property
    def why_alone(self) -> str:
        """Return its error without the exception's type, which stands beside it."""
        return showing.line(self.error.removeprefix(self.exception).lstrip(": "))

    @property
    def reason_in_words(self) -> str:
        """Return the reason as people say it."""
        return words.reason(self.reason)

    @property
    def obstacle(self) -> str:
        """Return why it cannot be replayed; "" where it can."""
        kept = {"plain": self.plain, "has_arguments": self.has_arguments}
        return obstacle(self.name, self.queue, **kept) if self.state == State.FAILED else ""

    @property
    def state_in_words(self) -> str:
        """Return the state as people say it."""
        return str(State(self.state).label)

    @property
    def now(self) -> str:
        """Return what it waits for, or does."""
        return words.STATES[State(self.state)]

    @property
    def attempts_in_words(self) -> str:
        """Return how often it was run since it was enqueued, or replayed."""
        return words.attempts(self)
