"""/metrics: what Prometheus reads, for the bearer of METRICS_TOKEN alone.

All figures but one come from the database, so whichever web process answers, the answer is the
same; contacts with the outside are those of the server's processes together. What each task did
(runs, failures, retries, durations) Flower counts, on its own /flower/metrics.
"""

import logging
from collections.abc import Iterable, Mapping

from django.db import Error
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from config import watching
from config.bearer import bears_metrics_token
from config.bounded import Bounded, NoAnswer
from patterns.durable_tasks.figures import QueueFigures, failed_by_name, figures
from patterns.durable_tasks.lag import relay_lag_seconds
from patterns.external_contact import counting
from patterns.failure_check.problem import SEVERITIES

logger = logging.getLogger(__name__)

# Prometheus gives up after 10.
ANSWER_SECONDS = 8.0
# Anybody who reaches the broker can make up names; each would be a series for ever.
MOST_NAMES = 100

QUEUE_FIGURES = {
    "waiting": "Durable tasks that are due and have not begun.",
    "scheduled": "Durable tasks whose time has not come, retries included.",
    "running": "Durable tasks that a worker has claimed.",
    "failed": "Durable tasks that ended badly and wait for a person.",
    "oldest_due_seconds": "How long the first of the waiting tasks has been due.",
    "cap": "How many tasks the queue takes.",
    "is_paused": "1 while the queue is paused.",
}


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer in Prometheus' format; 401 to who bears no token, 503 where the database is away."""
    if not bears_metrics_token(request):
        return HttpResponse(
            "METRICS_TOKEN opens this to a bearer.\n",
            status=401,
            content_type="text/plain",
            headers={"WWW-Authenticate": "Bearer"},
        )
    try:
        text = _bounded.ask(exposition, seconds=ANSWER_SECONDS)
    except (Error, NoAnswer) as error:
        logger.warning("No metrics: %s", error)
        return HttpResponse("The database is away.\n", status=503, content_type="text/plain")
    return HttpResponse(text, content_type=CONTENT_TYPE_LATEST)


_bounded = Bounded()


def exposition() -> bytes:
    """Return all figures as they are now, in Prometheus' format."""
    registry = CollectorRegistry()
    registry.register(ShopFigures())
    return generate_latest(registry)


class ShopFigures(Collector):
    """Counts anew at each scrape."""

    def describe(self) -> Iterable[Metric]:
        """Return nothing: else it would be asked for all figures at its registration."""
        return []

    def collect(self) -> Iterable[Metric]:
        """Return the figures of queues, tasks, relay, processes and alarms."""
        queues = figures()
        yield from _of_queues(queues)
        yield _gauge("durable_tasks_failed_by_task", "Failed tasks, by name.", "task", _failed())
        yield _gauge(
            "durable_tasks_relay_lag_seconds",
            "How long a due task has waited to be published although there is room for it.",
            "queue",
            dict.fromkeys(queues, 0.0) | relay_lag_seconds(),
        )
        yield _gauge(
            "failure_check_heartbeat_age_seconds",
            "How long a process has given no sign of life.",
            "process",
            watching.heartbeat_ages(),
        )
        yield from _of_alarms()
        yield CounterMetricFamily(
            "external_contacts",
            "Contacts of requests with what is not declared, since this web server began.",
            value=counting.total(),
        )


def _of_queues(each: Mapping[str, QueueFigures]) -> Iterable[Metric]:
    for name, text in QUEUE_FIGURES.items():
        values = {queue: float(getattr(of, name)) for queue, of in each.items()}
        yield _gauge(f"durable_tasks_{name}", text, "queue", values)


def _failed() -> dict[str, float]:
    counts = {each.name: float(each.count) for each in failed_by_name()}
    largest = sorted(counts, key=lambda name: counts[name], reverse=True)
    shown = {name: counts[name] for name in largest[:MOST_NAMES]}
    if others := sum(counts[name] for name in largest[MOST_NAMES:]):
        shown["(others)"] = others
    return shown


def _of_alarms() -> Iterable[Metric]:
    alarms = list(watching.open_alarms())
    counts = dict.fromkeys(SEVERITIES, 0.0)
    each = GaugeMetricFamily(
        "failure_check_alarm", "1 for each alarm that holds.", labels=["name", "severity"]
    )
    for alarm in alarms:
        counts[alarm.severity] += 1
        each.add_metric([alarm.name, alarm.severity], 1)
    yield _gauge("failure_check_alarms", "Alarms that hold.", "severity", counts)
    yield each
    checked = GaugeMetricFamily(
        "failure_check_last_run_age_seconds", "How long ago the checks began to run."
    )
    if (seconds := watching.seconds_since_checked()) is not None:
        checked.add_metric([], seconds)
    yield checked


def _gauge(name: str, text: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=[label])
    for value_of, value in values.items():
        family.add_metric([value_of], value)
    return family
