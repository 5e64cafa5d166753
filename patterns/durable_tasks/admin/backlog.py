"""How much waits where, counted up to a bound: a million rows cost as much as ten thousand."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from ..models import State
from ..selection import Selection
from . import filters, listing, showing
from .listing import MOST_COUNTED, ROWS_A_PAGE
from .row import Row

SHOWN = (State.SCHEDULED, State.READY, State.PUBLISHED, State.RUNNING, State.DISCARDED)


@dataclass(frozen=True)
class Backlog:
    """One queue's tasks by state."""

    queue: str
    is_paused: bool
    counts: dict[int, int]
    # States of which there are more, in whatever queue: they were counted by time, not by queue.
    uncertain: frozenset[int]

    @property
    def title(self) -> str:
        """Return the queue's name."""
        return showing.line(self.queue) or "(no name)"

    def of(self, state: State) -> int:
        """Return how many are in a state; from `MOST_COUNTED` on it may be more."""
        return self.counts.get(state.value, 0)

    def cells(self) -> list[dict[str, Any]]:
        """Return each state's count, and the query that lists its tasks."""
        return [
            {
                "number": self.of(state),
                "counted": self._counted(state),
                "query": "?" + urlencode({"state": state.value, "queue": self.queue or " "}),
            }
            for state in SHOWN
        ]

    def _counted(self, state: State) -> str:
        is_more = state.value in self.uncertain or self.of(state) >= MOST_COUNTED
        return f"{self.of(state):,}{' or more' if is_more else ''}"


# Each is answered from its partial index, in the order in which the tasks go.
_ORDER = {
    State.SCHEDULED: "due_at",
    State.READY: "queue, rank, due_at",
    State.PUBLISHED: "queue, leased_until",
    State.RUNNING: "leased_until",
    State.DISCARDED: "discarded_at DESC",
}
BY_TIME = (State.SCHEDULED, State.RUNNING, State.DISCARDED)
_FIRST = f"""
SELECT queue, {{state}}, count(*) FROM (SELECT queue FROM durable_tasks_task
    WHERE state = {{state}} ORDER BY {{order}} LIMIT {MOST_COUNTED}) AS first GROUP BY queue
"""  # noqa: S608  constants
_OF_QUEUE = f"""
SELECT names.name, {{state}}, (SELECT count(*) FROM (SELECT FROM durable_tasks_task
    WHERE state = {{state}} AND queue = names.name LIMIT {MOST_COUNTED}) AS first)
FROM unnest(%s::text[]) AS names (name)
"""  # noqa: S608
# The indexes of these two begin with the queue; a queue with much must not hide the others.
_COUNT = " UNION ALL ".join(
    _OF_QUEUE.format(state=state.value)
    if state not in BY_TIME
    else _FIRST.format(state=state.value, order=_ORDER[state])
    for state in SHOWN
)
_PAUSED = "SELECT name FROM durable_tasks_queue WHERE is_paused"
_IDS = """
SELECT id FROM durable_tasks_task WHERE {where} ORDER BY {order} LIMIT %s OFFSET %s
"""


def counts() -> list[Backlog]:
    """Return the queues, each with how many of its tasks are in which state."""
    names = filters.queues()
    found: dict[str, dict[int, int]] = defaultdict(dict)
    for queue, state, number in listing.ask(_COUNT, [names, names]):
        found[queue][state] = number
    paused = {row[0] for row in listing.ask(_PAUSED, [])}
    totals = {each.value: sum(by.get(each.value, 0) for by in found.values()) for each in BY_TIME}
    uncertain = frozenset(state for state, total in totals.items() if total >= MOST_COUNTED)
    return [
        Backlog(name, name in paused, found[name], uncertain) for name in sorted({*names, *found})
    ]


def listed(meant: Selection, state: State, page: int) -> tuple[list[Row], bool]:
    """Return a page of the tasks in a state, the next ones first, and whether there is another."""
    where, values = meant.where()
    statement = _IDS.format(where=where, order=_ORDER[state])
    values += [ROWS_A_PAGE + 1, (page - 1) * ROWS_A_PAGE]
    ids = [row[0] for row in listing.ask(statement, values)]
    return listing.rows(ids[:ROWS_A_PAGE]), len(ids) > ROWS_A_PAGE
