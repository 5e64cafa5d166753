"""Numbers are kept for two days."""

from typing import Any

from django.db import connection

from patterns.failure_check import samples
from patterns.failure_check.models import Sample


def gauges() -> dict[str, float]:
    return {"waiting:mail": 3, "failed": 0.5}


def test_without_gauges_nothing_is_kept() -> None:
    samples.sample()
    assert not Sample.objects.exists()


def test_each_number_is_kept_and_what_is_older_than_two_days_is_deleted(settings: Any) -> None:
    settings.FAILURE_CHECK_GAUGES = f"{__name__}.gauges"
    samples.sample()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE failure_check_sample SET at = at - interval '49 hours'")
    samples.sample()
    kept = dict(Sample.objects.values_list("name", "value"))
    assert kept == gauges()
    assert Sample.objects.count() == 2
