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
_QUEUES = "SELECT name FROM durable_tasks_queue ORDER BY name LIMIT %s"


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
        Option(str(each.value), each.label, each == state) for each in State if each != State.FAILED
    ]
    return [
        Filter("state", "State", "", states),
        _filter(choice, "queue", "Queue", "all queues", queues()),
    ]


def queues() -> list[str]:
    """Return the queues that a relay has seen, or the settings name."""
    seen = {row[0] for row in listing.ask(_QUEUES, [MOST_OPTIONS])}
    return sorted(seen | set(configuration.queues()))


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
