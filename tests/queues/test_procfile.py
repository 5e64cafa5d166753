"""A Procfile is read as honcho reads it, and a worker's command as Celery does."""

import pytest

from patterns.queues import procfile

from .lanes import PROCESSES


def test_what_is_written_is_read_again() -> None:
    text = procfile.written(PROCESSES)
    assert procfile.read(f"# ours\n\n{text}") == {each.name: each.line for each in PROCESSES}


@pytest.mark.parametrize(
    "command",
    [
        "celery -A shop worker -Q mail,slow",
        "env A=1 celery --app=shop worker --queues=mail,slow -c 2",
        "/srv/.venv/bin/celery --app shop worker --queues mail,slow",
        "python -m celery -Ashop worker -Qmail,slow",
    ],
)
def test_a_worker_is_known_by_its_app_and_queues_however_they_are_spelt(command: str) -> None:
    assert procfile.queues_taken(command) == ("shop", ["mail", "slow"])


@pytest.mark.parametrize("command", ["celery -A shop beat", "gunicorn worker:app", "worker"])
def test_what_is_no_worker_takes_from_no_queue(command: str) -> None:
    assert procfile.queues_taken(command) is None


def test_differences_are_named() -> None:
    found = {"web": "gunicorn", "mailer": "celery", "beat": "celery"}
    wanted = {"web": "gunicorn web", "worker_mail": "celery", "beat": "celery"}
    assert list(procfile.differences(found, wanted)) == [
        "it lacks worker_mail",
        "nobody declared mailer",
        "another command runs web",
    ]
    assert list(procfile.differences(wanted, wanted)) == []
