"""Python that is whole by itself runs in a process of its own, and does what its page says."""

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from standalone.header import Header
from tests.documents.pages import ROOT, block

# What follows each block, and holds what its page says of it.
WHOLE = {
    ("docs/brokers.md", 1): """
        assert str(app.guard.owner) == "my_project.shop@production"
        assert app.guard.setting == "BROKER_URL"
    """,
    ("docs/queues.md", 1): """
        assert set(app.amqp.queues) == {"mail", "admin"}
        assert [process.name for process in PROCESSES] == ["beat", "worker_mail", "worker_admin"]
    """,
    ("docs/retrying_task.md", 1): """
        from patterns.retrying_task import RetryingTask
        assert isinstance(charge, RetryingTask) and charge.queue == "purchasing"
        assert app.conf.task_acks_late and app.conf.task_retry_on_worker_lost
    """,
    ("docs/retrying_task.md", 2): """
        from celery import Celery
        app = Celery(task_cls=ShopTask)
        app.conf.task_ignore_result = True
        @app.task(name="charge", queue="purchasing")
        def charge(): ...
        assert isinstance(httpx.ConnectError("refused"), charge.transient_errors)
    """,
}
# What a project has that the page adds to.
INSTALLED_APPS = """
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions"]
"""
CONFIGURED = """
import flower.options  # as `celery flower` has read them by then
from django.conf import settings
settings.configure(
    FLOWER_METRICS_TOKEN="a-token-of-32-characters-and-more",
    INSTALLED_APPS=INSTALLED_APPS,
    LOGIN_URL="/login/",
    ROOT_URLCONF=(),
)
"""
GUARDED = """
from django.apps import apps
from tornado.httpserver import HTTPServer
assert apps.is_installed("patterns.flower_auth")
assert HTTPServer.configured_class().is_guarded and address == "127.0.0.1"
"""
FLOWER_ASKED = """
import os
from celery.signals import import_modules
assert os.environ["FLOWER_CONF"].endswith("flower.py")
assert len(import_modules.receivers) == 1
"""


@pytest.mark.parametrize(("page", "number"), WHOLE)
def test_it_runs_and_makes_what_the_page_says(page: str, number: int, tmp_path: Path) -> None:
    run(block(page, number).text + textwrap.dedent(WHOLE[page, number]), tmp_path)


def test_a_queues_worker_is_what_the_comment_shows(tmp_path: Path) -> None:
    code = block("docs/queues.md", 1).text
    [shown] = re.findall(r"^print\(.*\)  # (.*) \.\.\.$", code, re.MULTILINE)
    assert run(code, tmp_path).startswith(shown)


def test_the_line_for_the_list_of_queues_is_a_queue(tmp_path: Path) -> None:
    made = f"QUEUES = Queues(*{block('docs/queues.md', 5).text.strip()})\n"
    run(
        f"from patterns.queues import Queue, Queues\n{made}assert 'reports' in QUEUES.by_name",
        tmp_path,
    )


def test_a_broker_of_another_is_told_in_the_words_of_the_page(tmp_path: Path) -> None:
    said = run(
        """
from patterns.brokers import refusals
from patterns.brokers.owner import Owner
from patterns.brokers.stamp import Stamp
owner = Owner("the_analysts.shop", "production")
stamp = Stamp("the_shop.shop@production", "process 212 on web1", "2026-11-28T10:02:11+00:00", b"")
print(refusals.of_stamped("redis://:**@10.0.0.2:6379/0", stamp, owner, "BROKER_URL"))
""",
        tmp_path,
    )
    assert said == block("docs/brokers.md", 3).text


def test_flower_takes_its_configuration_and_the_app_names_it(tmp_path: Path) -> None:
    apps = INSTALLED_APPS + block("docs/flower_auth.md", 2).text
    run(apps + CONFIGURED + block("docs/flower_auth.md", 1).text + GUARDED, tmp_path)
    named = "from pathlib import Path\nfrom patterns.flower_auth.closed import refuse_open_flower\n"
    run(named + block("docs/flower_auth.md", 3).text + FLOWER_ASKED, tmp_path)


def test_the_header_that_is_shown_is_the_patterns() -> None:
    # The steps themselves are followed by `nox -s standalone`.
    shown = block("docs/copying.md", 1).text
    source = Header(ROOT / "patterns" / "queued_mail").source.read_text(encoding="utf-8")
    for part in re.split(r"^ *\.\.\.\n", shown, flags=re.MULTILINE):
        _, found, source = source.partition(part)
        assert found, f"the header has no\n{part}"


def run(code: str, folder: Path) -> str:
    """Run it as a file in a folder of its own, with the kit's patterns; return what it prints."""
    file = folder / "example.py"
    file.write_text(code, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(file)],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, f"{code}\n{done.stderr}"
    return done.stdout
