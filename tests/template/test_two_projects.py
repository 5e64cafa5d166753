"""The story's accident: a second project is deployed with a copy of the first one's BROKER_URL.

Two generated projects, and the first one's staging, meet at one real Valkey.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from tests.generation import generated
from tests.processes import Process, processes
from tests.servers import DEADLINE_SECONDS, Server, eventually, start_valkey

# isort: split
from development.postgres import start_postgres  # found through that module

MANAGE = (sys.executable, "manage.py")
CELERY = (sys.executable, "-m", "celery", "-A", "config")
WORKER = (*CELERY, "worker", "-Q", "default", "-c", "1", "--without-gossip", "--without-mingle")
PROCESSES = {"worker": WORKER, "relay": (*MANAGE, "relay"), "beat": (*CELERY, "beat")}
CONFIG = 78  # EX_CONFIG: starting again will not help
# As any other publisher of the first project's: it stamps the broker, and one message waits there.
PUBLISH = (
    "from celery import Celery; from config.celery import app; "
    "Celery.send_task(app, 'story.nothing', queue='default')"
)
ENQUEUE = "from config.tasks import clear_sessions; clear_sessions.delay()"
COUNT = (
    "from patterns.durable_tasks.models import TaskRow; "
    "print('rows:', TaskRow.objects.filter(name='config.clear_sessions').count())"
)


class Story:
    """Two projects, the brokers, and the processes that run."""

    def __init__(self, folder: Path, template: Path, stack: ExitStack) -> None:
        self.folder, self.stack = folder, stack
        # Killed in the end: none of them has anything to end in order.
        self.begin = stack.enter_context(processes(folder, {}, patience_seconds=0))
        self.published: dict[Any, Any] = {}  # what the first project left at the broker
        self.shop, self.analysts = (
            generated(template, folder, folder, project_name=name)
            for name in ("The Shop", "The Analysts")
        )
        self.broker = self.kept(start_valkey(folder / "broker", durable=False))
        self.other = self.kept(start_valkey(folder / "other", durable=False))
        self.database = self.kept(start_postgres(folder / "pg", database="shop", durable=False))

    def kept(self, server: Server) -> Server:
        self.stack.callback(server.stop)
        return server

    def environment(self, **more: str) -> dict[str, str]:
        """Return the settings of both: the accident is that somebody copied them."""
        return {
            "PATH": os.environ["PATH"],
            "SECRET_KEY": "a-long-random-key-" + "0123456789abcdef" * 4,
            "SITE_URL": "https://shop.example.com",
            "DATABASE_URL": self.database.url,
            "BROKER_URL": self.broker.url,
            "ANALYTICS_BROKER_URL": self.other.url,
            "EMAIL_URL": "smtp://127.0.0.1:1",
            "PAYMENTS_URL": "http://127.0.0.1:1",
            "PAYMENTS_API_KEY": "key",
            "LOG_FORMAT": "line",
            **more,
        }

    def run(self, project: Path, *words: str, **more: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [*MANAGE, *words],
            cwd=project,
            env=self.environment(**more),
            capture_output=True,
            text=True,
            timeout=120,
        )

    def start(self, project: Path, name: str, **more: str) -> Process:
        return self.begin(*PROCESSES[name], cwd=project, **self.environment(**more))


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory, template: Path) -> Iterator[Story]:
    with ExitStack() as stack:
        story = Story(tmp_path_factory.mktemp("story"), template, stack)
        done = story.run(story.shop, "shell", "-c", PUBLISH)
        assert done.returncode == 0, done.stderr
        with Redis.from_url(story.broker.url) as client:
            story.published = {key: client.dump(key) for key in client.scan_iter()}
        yield story


@pytest.fixture
def client(story: Story) -> Iterator[Any]:
    with Redis.from_url(story.broker.url) as client:
        client.flushall()
        for key, value in story.published.items():
            client.restore(key, 0, value)
        assert client.llen("default") == 1
        yield client


def refused(started: list[Process], words: str) -> None:
    """Wait until each has ended, and said whose the broker is and what to set."""
    for process in started:
        assert process.end(DEADLINE_SECONDS) == CONFIG, process.words
        said = process.words
        assert words in said
        assert "Set BROKER_URL to this app's own broker." in said
        assert "Traceback" not in said


def test_no_process_of_the_second_project_starts_and_nothing_of_the_first_is_consumed(
    story: Story, client: Any
) -> None:
    refused(
        [story.start(story.analysts, name) for name in PROCESSES],
        "is the broker of the_shop.shop@production",
    )
    done = story.run(story.analysts, "shell", "-c", PUBLISH)  # a plain producer
    assert "this is the_analysts.shop@production" in done.stderr
    checked = story.run(story.analysts, "check", "--database", "default")
    assert checked.returncode == 1
    assert "(brokers.E005)" in checked.stderr
    assert client.llen("default") == 1


def test_staging_with_production_s_broker_is_refused_too(story: Story, client: Any) -> None:
    refused(
        [story.start(story.shop, name, ENVIRONMENT="staging") for name in PROCESSES],
        "this is the_shop.shop@staging",
    )
    assert client.llen("default") == 1


def test_after_a_handing_over_by_name_the_second_project_works_there(
    story: Story, client: Any
) -> None:
    hand_over = ("broker", "hand-over", "the_analysts.shop", "--from", "the_shop.shop@production")
    for words in (hand_over, ("migrate", "--verbosity", "0"), ("shell", "-c", ENQUEUE)):
        done = story.run(story.analysts, *words)
        assert done.returncode == 0, done.stderr
    running = [story.start(story.analysts, name) for name in ("worker", "relay")]
    eventually(lambda: is_done(story, running), 2 * DEADLINE_SECONDS)
    refused([story.start(story.shop, "worker")], "is the broker of the_analysts.shop@production")


def is_done(story: Story, running: list[Process]) -> bool:
    assert not any(process.fail_if_ended() for process in running)
    counted: Callable[..., Any] = story.run
    return "rows: 0" in counted(story.analysts, "shell", "-c", COUNT).stdout
