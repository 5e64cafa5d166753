"""Run in a made shop: write what the shop and its Flower really serve, as {metric: [labels]}."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from config.tasks import clear_sessions
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families
from tests.config.raised import bearer, checked, raise_alarm
from tests.config.test_flower import Flower, flower, staff, wait_for  # noqa: F401  fixtures

from patterns.durable_tasks.models import State, TaskRow
from patterns.failure_check.models import Heartbeat

HEARD = ("flower_task_runtime_seconds_bucket", "flower_worker_online")


@pytest.mark.usefixtures("broker_url")
def test_write_what_is_served(
    flower: Flower,  # noqa: F811
    staff: str,  # noqa: F811
    celery_worker_process: Callable[..., Any],
) -> None:
    flower.start()
    celery_worker_process("default")
    wait_for(lambda: flower.status("tasks", staff) == 200)

    def flower_heard() -> bool:
        clear_sessions.delay()
        served = served_by_flower(flower, staff)
        # A worker says that it is there by itself, before its tasks or after them.
        return all(f"{name}{{" in served for name in HEARD)

    wait_for(flower_heard)
    something_is_wrong()
    shop = Client().get("/metrics", headers=bearer()).content.decode()
    served = metrics(shop) | metrics(served_by_flower(flower, staff))
    Path(os.environ["WRITTEN"]).write_text(json.dumps(served))


def something_is_wrong() -> None:
    """Let each metric of the shop have a series."""
    failed = clear_sessions.apply_async(countdown=3600)
    TaskRow.objects.filter(pk=failed.id).update(state=State.FAILED, failed_at=timezone.now())
    raise_alarm("queue_late:mail", "critical")
    checked(timezone.now())
    Heartbeat.objects.get_or_create(name="beat", defaults={"host": "h", "pid": 1, "queues": []})


def served_by_flower(flower: Flower, session: str) -> str:  # noqa: F811
    with flower.ask("metrics", session) as answer:
        return str(answer.read().decode())


def metrics(text: str) -> dict[str, dict[str, list[str]]]:
    """Return each series' name with its labels and their values."""
    found: dict[str, dict[str, list[str]]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = found.setdefault(sample.name, {})
            for label, value in sample.labels.items():
                labels.setdefault(label, []).append(value)
    return found
