"""The analysts' broker and worker are their own: a check of the configuration says otherwise."""

import os
import subprocess
import sys

import pytest
from django.conf import settings

from analytics.celery import app
from config.processes import LINES


def test_the_shop_s_broker_in_the_environment_does_not_become_the_analysts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # What `celery -A ... worker` does with BROKER_URL, for every app of its process.
    monkeypatch.setenv("CELERY_BROKER_URL", os.environ["BROKER_URL"])
    expected = os.environ["ANALYTICS_BROKER_URL"]
    for connection in (app.connection_for_write(), app.connection_for_read()):
        assert connection.as_uri(include_password=True) == expected


def test_analytics_runs_on_an_app_of_its_own() -> None:
    assert "-A analytics.celery " in LINES["worker_analytics"]


def test_e002_both_apps_on_one_broker() -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=settings.BASE_DIR,
        env=os.environ | {"ANALYTICS_BROKER_URL": os.environ["BROKER_URL"][:-1] + "1"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert "(brokers.E002) BROKER_URL and ANALYTICS_BROKER_URL are the same broker." in done.stderr
