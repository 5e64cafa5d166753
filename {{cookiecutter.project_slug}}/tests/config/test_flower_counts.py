"""What each durable task did is counted by Flower, on its own metrics."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from config.celery import app
from tests.config.test_flower import Flower, flower, staff, wait_for  # noqa: F401  fixtures

TASK = "tests.counted"


@pytest.mark.usefixtures("broker_url")
def test_runs_failures_retries_and_durations_of_durable_tasks_are_counted(
    flower: Flower,  # noqa: F811
    staff: str,  # noqa: F811
    celery_worker_process: Callable[..., Any],
) -> None:
    flower.start()
    celery_worker_process("admin", app="counted", env={"PYTHONPATH": str(Path(__file__).parent)})
    wait_for(lambda: flower.status("tasks", staff) == 200)

    def heard() -> bool:  # Flower hears nothing that was said before it listened
        app.send_task(TASK, ("succeed",), queue="admin")
        return counted(flower, staff).get("task-succeeded", 0) > 0

    wait_for(heard)
    before = counted(flower, staff)
    for how in ("fail", "retry"):
        app.send_task(TASK, (how,), queue="admin")
    wait_for(lambda: counted(flower, staff).get("task-failed") == 1)
    wait_for(lambda: counted(flower, staff).get("task-retried") == 1)
    wait_for(lambda: counted(flower, staff)["task-succeeded"] > before["task-succeeded"])
    now = counted(flower, staff)
    assert now["task-started"] >= now["task-succeeded"] + 2
    assert samples(flower, staff)["flower_task_runtime_seconds_count"] >= now["task-succeeded"]


def counted(flower: Flower, session: str) -> dict[str, float]:  # noqa: F811
    """Return how many events of our task there were, by their kind."""
    return {
        name.partition(" ")[2]: value
        for name, value in samples(flower, session).items()
        if name.startswith("flower_events_total ")
    }


def samples(flower: Flower, session: str) -> dict[str, float]:  # noqa: F811
    with flower.ask("metrics", session) as answer:
        text = answer.read().decode()
    return {
        f"{sample.name} {sample.labels.get('type', '')}".strip(): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.labels.get("task") == TASK
    }
