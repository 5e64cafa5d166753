"""The Procfile is what the one list of queues says."""

from io import StringIO

from django.conf import settings
from django.core.management import call_command

from config.processes import PROCESSES, procfile
from config.queues import APPS


def test_the_procfile_is_the_one_that_follows_from_the_queues() -> None:
    assert (settings.BASE_DIR / "Procfile").read_text(encoding="utf-8") == procfile()


def test_the_command_prints_it() -> None:
    printed = StringIO()
    call_command("procfile", stdout=printed)
    assert printed.getvalue() == procfile()


def test_every_queue_has_one_worker_and_every_worker_one_queue() -> None:
    workers = [command for command in PROCESSES.values() if " worker " in command]
    queues = [queue for app in APPS for queue in app]
    for queue in queues:
        assert sum(f" -Q {queue.name} " in command for command in workers) == 1
    assert len(workers) == len(queues)
