"""The Procfile is what the one list of queues says, and so is every other form."""

from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command

from config.processes import PROCESSES
from config.queues import APPS


def printed(*options: str) -> str:
    output = StringIO()
    call_command("queues", *options, stdout=output)
    return output.getvalue()


def test_the_procfile_is_the_one_that_follows_from_the_queues() -> None:
    text = Path(settings.QUEUES_PROCFILE).read_text(encoding="utf-8")
    assert text == printed("--format", "procfile")


def test_every_queue_has_one_worker_and_every_worker_one_queue() -> None:
    workers = [each.command for each in PROCESSES if " worker " in each.command]
    queues = [queue for app in APPS for queue in app]
    for queue in queues:
        assert sum(f" -Q {queue.name} " in command for command in workers) == 1
    assert len(workers) == len(queues)


@pytest.mark.parametrize("form", ["compose", "systemd", "kubernetes"])
def test_no_form_has_a_secret_in_it(form: str) -> None:
    text = printed("--format", form)
    for secret in (settings.SECRET_KEY, settings.PAYMENTS_API_KEY, settings.BROKER_URL):
        assert secret not in text


def test_a_platform_waits_longer_than_a_worker_gives_its_tasks() -> None:
    for process in PROCESSES:
        if " worker " in process.command:
            given = float(process.deployed["WORKER_SHUTDOWN_SECONDS"])
            assert given == settings.WORKER_SHUTDOWN_SECONDS
            # To put their rows back takes a second or two.
            assert process.stop_seconds >= given + 5


def test_the_queues_are_listed_and_nothing_is_wrong() -> None:
    text = printed()
    for queue in (queue for app in APPS for queue in app):
        assert queue.why in text
        assert queue.command in text
