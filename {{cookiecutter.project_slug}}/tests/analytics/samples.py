"""What the tasks of analytics are called with when they are run twice."""

from typing import Any

from patterns.durable_tasks.samples import Sample, Samples

TRENDS = "an event that comes twice may count twice: counts show trends"


def for_forward_event(analytics_broker_url: str) -> dict[str, Any]:
    return {"name": "order_placed", "day": "2026-11-23"}


def for_count_event() -> dict[str, Any]:
    return {"name": "order_placed", "day": "2026-11-23"}


SAMPLES: Samples = {
    "analytics.forward_event": Sample(arguments=for_forward_event, contacts_again=TRENDS),
    "analytics.count_event": Sample(
        arguments=for_count_event, changes_again={"analytics_eventcount": TRENDS}
    ),
}
