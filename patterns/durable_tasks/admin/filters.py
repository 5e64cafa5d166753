"""The choices that a list is narrowed by, as boxes of a form that needs no script."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .. import configuration
from ..models import State
from ..selection import Group, Selection, groups
from . import choosing, listing, showing, words

# A box of more would be a page of its own.
MOST_OPTIONS = 200
MOST_GROUPS = 500
# What a relay has seen, and what waits where none has looked yet: one step through an index a name.
_WAITING = """
{name} AS (
    (SELECT queue FROM durable_tasks_task WHERE state = {state} ORDER BY queue LIMIT 1)
    UNION ALL
    SELECT (SELECT queue FROM durable_tasks_task WHERE state = {state} AND queue > {name}.queue
        ORDER BY queue LIMIT 1) FROM {name} WHERE {name}.queue IS NOT NULL)"""
_QUEUES = f"""
WITH RECURSIVE {_WAITING.format(name="ready", state=State.READY.value)},
{_WAITING.format(name="published", state=State.PUBLISHED.value)}
SELECT name FROM durable_tasks_queue UNION SELECT queue FROM ready UNION SELECT queue FROM published
ORDER BY name LIMIT %s
"""  # noqa: S608  constants


@dataclass(frozen=True)
class Option:
    """One of the choices of a filter."""

    value: str
    label: str
    is_chosen: bool


@dataclass(frozen=True)
class Filter:
    """One thing to choose by."""

    name: str
    label: str
    any: str
    options: list[Option]


def of_failed(choice: choosing.Choice, found: list[Group]) -> list[Filter]:
    """Return the filters of the failed tasks; `found` are the groups that are shown."""
    everything = found if choice.is_everything else groups(Selection(), MOST_GROUPS)
    since = {name: label for name, (label, _) in choosing.SINCE.items()}
    return [
        _filter(choice, "name", "Task", "all tasks", {each.name for each in everything}),
        _filter(
            choice, "exception", "Error", "all errors", {each.exception for each in everything}
        ),
        _filter(choice, "queue", "Queue", "all queues", queues()),
        _filter(choice, "reason", "Reason", "all reasons", words.REASONS),
        _filter(choice, "since", "Failed", "at any time", since),
    ]


def of_tasks(choice: choosing.Choice, state: State) -> list[Filter]:
    """Return the filters of the tasks that have not failed, which are shown a state at a time."""
    states = [
        Option(str(each.value), str(each.label), each == state)
        for each in State
        if each != State.FAILED
    ]
    return [
        Filter("state", "State", "", states),
        _filter(choice, "queue", "Queue", "all queues", queues()),
    ]


def queues() -> list[str]:
    """Return the queues that a relay has seen, that tasks wait in, or that the settings name."""
    seen = {row[0] for row in listing.ask(_QUEUES, [MOST_OPTIONS])}
    return sorted((seen - {None}) | set(configuration.queues()))


def _filter(
    choice: choosing.Choice, name: str, label: str, any_: str, options: Iterable[str]
) -> Filter:
    labels: Mapping[str, str] = options if isinstance(options, Mapping) else {}
    chosen = choice.values.get(name)
    values = list(options) if labels else sorted(options)[:MOST_OPTIONS]
    if chosen is not None and chosen not in values:
        values.append(chosen)
    labelled = [(each, labels.get(each) or showing.line(each, 80) or "(none)") for each in values]
    boxes = [Option(each or " ", shown, each == chosen) for each, shown in labelled]
    return Filter(name, label, any_, boxes)
