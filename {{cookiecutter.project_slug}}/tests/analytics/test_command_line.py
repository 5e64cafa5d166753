"""The command line of Celery reads BROKER_URL for itself, which here is the shop's."""

import subprocess
import sys

import pytest
from django.conf import settings

from development.ports import free_port
from development.testing import worker_environment


@pytest.mark.django_db
def test_a_command_of_the_analysts_goes_to_their_broker() -> None:
    # Nobody listens at either: the error names where it went.
    shops, theirs = free_port(), free_port()
    environment = worker_environment() | {
        "BROKER_URL": f"redis://127.0.0.1:{shops}/0",
        "ANALYTICS_BROKER_URL": f"redis://127.0.0.1:{theirs}/0",
    }
    for app, port in (("analytics.celery", theirs), ("config", shops)):
        command = [sys.executable, "-m", "celery", "-A", app, "inspect", "ping"]
        said = subprocess.run(
            command, cwd=settings.BASE_DIR, env=environment, capture_output=True, text=True
        )
        assert f"127.0.0.1:{port}" in said.stdout + said.stderr
