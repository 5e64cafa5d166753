"""Real servers for queued mail: PostgreSQL, Valkey, an SMTP server, and Celery workers."""

import os
import sys
from collections.abc import Iterator
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import django
import kombu.pools
import pytest
from celery import current_app
from django.apps import apps
from django.core.mail.backends.smtp import EmailBackend
from django.db import connection

from tests.processes import Process, Start, processes
from tests.servers import (
    SOURCES,
    SMTPServer,
    eventually,
    kit_settings,
    migrated_postgres,
    socket_folder,
)

# isort: split
# Models, and what stands in SOURCES, can be imported once that module has configured Django.
from development.ports import free_port
from development.server import Server
from development.valkey import start_valkey
from django.contrib.auth.models import User
from mail_shop.celery import app
from mail_shop.models import Order

from patterns.queued_mail import publication
from patterns.queued_mail.models import QueuedMail

# In here, not in a test, where every warning is an error: see tests/servers.py.
app.autodiscover_tasks(force=True)
app.finalize()


@pytest.fixture(scope="session")
def database(django_db_blocker: Any) -> Iterator[Server]:
    with migrated_postgres(django_db_blocker) as server:
        yield server


@pytest.fixture(autouse=True)
def empty_tables(database: Server) -> Iterator[None]:
    yield
    connection.close()
    # Of the tests that meet the two: standing alone, the other is not there.
    for model in (QueuedMail, *apps.all_models["durable_tasks"].values()):
        model.objects.all().delete()
    Order.objects.all().delete()
    User.objects.all().delete()


@pytest.fixture(autouse=True)
def real_backend(settings: Any, smtp: SMTPServer) -> None:
    """Undo what Django's test runner does to mail, and deliver to the test's server."""
    if django.VERSION >= (6, 1):
        mailers = {alias: dict(mailer) for alias, mailer in kit_settings.MAILERS.items()}
        mailers["delivery"]["OPTIONS"] = {"host": "127.0.0.1", "port": smtp.port, "timeout": 10}
        settings.MAILERS = mailers
    else:
        settings.EMAIL_BACKEND = kit_settings.EMAIL_BACKEND
        settings.EMAIL_PORT = smtp.port


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Server]:
    server = start_valkey(tmp_path / "broker", durable=False)
    publish_to(server.url)
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def closed_pools() -> Iterator[None]:
    """Publish nowhere unless a test says where: a closed port refuses at once."""
    publish_to("redis://127.0.0.1:1/0")
    yield
    publish_to("redis://127.0.0.1:1/0")


def publish_to(url: str) -> None:
    app.set_default()
    app.conf.broker_url = url
    kombu.pools.reset()
    app._after_fork()
    publication.Pause.until = 0.0
    assert current_app.conf.broker_url == url


@pytest.fixture
def smtp() -> Iterator[SMTPServer]:
    server = SMTPServer(port=free_port())
    controller = server.start()
    yield server
    controller.stop()


@pytest.fixture
def smtp_down(settings: Any) -> SMTPServer:
    """A server that is not started yet."""
    server = SMTPServer(port=free_port())
    deliver_to(settings, server.port)
    return server


def deliver_to(settings: Any, port: int, **options: Any) -> None:
    if django.VERSION >= (6, 1):
        options = {"host": "127.0.0.1", "port": port, "timeout": 10, **options}
        delivery = {**settings.MAILERS["delivery"], "OPTIONS": options}
        settings.MAILERS = {**settings.MAILERS, "delivery": delivery}
        return
    names = {"username": "EMAIL_HOST_USER", "password": "EMAIL_HOST_PASSWORD"}
    settings.EMAIL_PORT = port
    for name, value in options.items():
        setattr(settings, names.get(name, f"EMAIL_{name.upper()}"), value)


@pytest.fixture
def start(database: Server, broker: Server, tmp_path: Path) -> Iterator[Start]:
    """Return a function that runs Python in a process of the shop, every warning an error."""
    variables = {
        "HOME": str(tmp_path),
        "PYTHONPATH": os.pathsep.join(SOURCES),
        "DJANGO_SETTINGS_MODULE": "kit_project.settings",
        "QUEUED_MAIL_TEST_DATABASE_HOST": socket_folder(database.url),
        "QUEUED_MAIL_TEST_BROKER": broker.url,
        "QUEUED_MAIL_TEST_FLAG": str(tmp_path / "flag"),
    }
    with processes(tmp_path, variables) as start:
        yield partial(start, sys.executable, "-W", "error")


@pytest.fixture
def start_worker(start: Start) -> Start:
    """Return a function that starts a worker and waits until it takes tasks."""
    numbers = count()

    def begin(smtp_port: int, **environment: str) -> Process:
        command = ["-m", "celery", "-A", "mail_shop", "worker", "-Q", "mail", "-c", "1"]
        command += ["-n", f"w{next(numbers)}@test", "-l", "INFO"]
        command += ["--without-gossip", "--without-mingle"]
        worker = start(*command, QUEUED_MAIL_TEST_SMTP_PORT=str(smtp_port), **environment)
        eventually(lambda: worker.has_said(" ready."))
        return worker

    return begin


def plain_smtp_connection(port: int) -> Any:
    """Return Django's own SMTP backend, without the queue."""
    options = {"host": "127.0.0.1", "port": port, "timeout": 10}
    return (
        EmailBackend(alias="plain", **options)
        if django.VERSION >= (6, 1)
        else EmailBackend(**options)
    )
