"""What the page shows: read at each request, in a dozen statements whatever waits."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from config import watching
from config.queues import APPS, SHOP
from patterns.durable_tasks.figures import QueueFigures, figures
from patterns.failure_check.heartbeats import WORKER
from patterns.failure_check.models import Alarm, Run
from patterns.failure_check.problem import duration
from patterns.failure_check.signs import Sign, signs
from patterns.queues import Queue
from tasks_page import chart
from tasks_page.beats import NextBeat, next_beats


@dataclass(frozen=True, kw_only=True)
class ShownQueue:
    """A line of the table. `line` is how many waited in the last hours."""

    name: str
    why: str
    figures: QueueFigures
    oldest: str
    is_late: bool
    is_full: bool
    # A row of the shop's own database: what another app's queue holds lies on that app's broker.
    is_ours: bool
    can_be_paused: bool
    workers: Sequence["ShownProcess"]
    line: chart.Line | None


@dataclass(frozen=True, kw_only=True)
class ShownProcess:
    """A process that gives signs of life."""

    name: str
    started_at: datetime
    ago: str
    is_silent: bool


@dataclass(frozen=True, kw_only=True)
class Shown:
    """All of it. `looked_at` is when the checks ran last."""

    at: datetime
    alarms: Sequence[Alarm]
    looked_at: datetime | None
    is_watched: bool
    queues: Sequence[ShownQueue]
    processes: Sequence[ShownProcess]
    beats: Sequence[NextBeat]
    failed: int
    hours: int = chart.HOURS

    @property
    def is_clear(self) -> bool:
        """Tell whether somebody looks and finds nothing."""
        return self.is_watched and not self.alarms


def shown() -> Shown:
    """Return how things are."""
    run = Run.objects.first()
    found = signs()
    queues = _queues([each for each in found if each.queues])
    return Shown(
        at=timezone.now(),
        alarms=list(watching.open_alarms().order_by("severity", "raised_at")),
        looked_at=run.at if run else None,
        is_watched=watching.is_checked(),
        queues=queues,
        processes=[_process(each) for each in found if not each.queues],
        beats=next_beats(),
        failed=sum(each.figures.failed for each in queues),
    )


def _queues(workers: Sequence[Sign]) -> list[ShownQueue]:
    found = figures()
    declared = {queue.name: queue for queues in APPS for queue in queues}
    names = [*declared, *sorted(found.keys() - declared.keys())]
    lines = chart.lines([f"waiting:{name}" for name in names])
    return [
        _queue(
            name,
            declared.get(name),
            found.get(name, QueueFigures()),
            [_process(each) for each in workers if name in each.queues],
            lines.get(f"waiting:{name}"),
        )
        for name in names
    ]


def _queue(
    name: str,
    declared: Queue | None,
    found: QueueFigures,
    workers: Sequence[ShownProcess],
    line: chart.Line | None,
) -> ShownQueue:
    latency = declared.latency_seconds if declared else 0
    return ShownQueue(
        name=name,
        why=declared.why if declared else "no queue of this name is declared (any more)",
        figures=found,
        oldest=duration(found.oldest_due_seconds) if found.waiting else "",
        is_late=bool(found.waiting) and found.oldest_due_seconds > latency,
        is_full=found.rows >= found.cap,
        is_ours=declared is None or name in SHOP.by_name,
        can_be_paused=name in SHOP.by_name,
        workers=workers,
        line=line,
    )


def _process(sign: Sign) -> ShownProcess:
    return ShownProcess(
        name=sign.name.removeprefix(WORKER),
        started_at=sign.started_at,
        ago=duration(max(0.0, sign.silent_seconds)),
        is_silent=not sign.is_living,
    )
