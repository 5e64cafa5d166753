"""A pytest plugin: real servers and real processes for the tests, gone when the tests are.

It is loaded before Django's settings (`-p development.pytest_servers`). One PostgreSQL and two
Valkeys serve a whole run, its xdist workers included; DATABASE_URL, BROKER_URL and
ANALYTICS_BROKER_URL in the environment (not in `.env`) are used instead where they are set.
"""

import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from development import reaper
from development.postgres import start_postgres
from development.server import Server
from development.testing import (
    PaymentProvider,
    SmtpServer,
    WebProcesses,
    WorkerProcesses,
    point_at_broker,
    point_at_provider,
    point_at_smtp,
)
from development.unprivileged import make_private
from development.valkey import start_valkey

# What the tests count on, whatever `.env` says: nothing here is reached, or worth stealing.
SETTINGS = {
    "DEBUG": "True",
    "ENVIRONMENT": "test",  # a broker that is given is not taken from its shop
    "SITE_URL": "http://testserver",
    "ALLOWED_HOSTS": "testserver,127.0.0.1,localhost",
    "CSRF_TRUSTED_ORIGINS": "http://testserver",
    "EMAIL_URL": "smtp://127.0.0.1:1",
    "DEFAULT_FROM_EMAIL": "shop@example.com",
    "PAYMENTS_URL": "http://127.0.0.1:1",
    "BACKOFFICE_PAUSE_SECONDS": "0.01",
}
FOLDER = "ALL_SERVERS_FOLDER"  # where the run keeps its servers; xdist's workers inherit it


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Iterator[None]:
    """Start the servers before pytest-django reads the settings; xdist's workers find them set."""
    options = early_config.known_args_namespace
    if FOLDER not in os.environ and not (options.help or options.version):
        _start(early_config)
    return (yield)


def _start(config: pytest.Config) -> None:
    folder = Path(tempfile.mkdtemp(prefix="tests-", dir="/tmp")).resolve()  # sockets: a short path
    make_private(folder)
    os.environ |= SETTINGS | {FOLDER: str(folder)}
    os.environ["ALARM_STATE_FILE"] = str(folder / "alarms.json")
    for name in ("SECRET_KEY", "PAYMENTS_API_KEY", "FLOWER_METRICS_TOKEN", "METRICS_TOKEN"):
        os.environ[name] = secrets.token_urlsafe(40)
    servers: list[Server] = []
    watcher = reaper.watch(folder, is_temporary=True)
    config.add_cleanup(lambda: _stop(folder, servers, watcher))
    if "DATABASE_URL" not in os.environ:
        servers.append(start_postgres(folder / "postgres", database="shop", durable=False))
        os.environ["DATABASE_URL"] = servers[-1].url
    for name in ("BROKER_URL", "ANALYTICS_BROKER_URL"):
        if name not in os.environ:
            servers.append(start_valkey(folder / name.lower(), durable=False))
            os.environ[name] = servers[-1].url


def _stop(folder: Path, servers: list[Server], watcher: "subprocess.Popen[bytes]") -> None:
    reaper.end_all(folder)
    for server in servers:
        server.stop()
    watcher.kill()
    watcher.wait()
    shutil.rmtree(folder, ignore_errors=True)


def _folder(name: str) -> Path:
    return Path(tempfile.mkdtemp(prefix=f"{name}-", dir=os.environ[FOLDER]))


@pytest.fixture
def broker_url(settings: object) -> Iterator[str]:
    """Give the test a Valkey of its own, with the shop's Celery app pointed at it."""
    server = start_valkey(_folder("broker"), durable=False)
    with point_at_broker(settings, "BROKER_URL", "config.celery", server.url):
        yield server.url
    server.stop()


@pytest.fixture
def analytics_broker_url(settings: object) -> Iterator[str]:
    """Give the test a Valkey of its own, with the analytics app pointed at it."""
    server = start_valkey(_folder("analytics"), durable=False)
    with point_at_broker(settings, "ANALYTICS_BROKER_URL", "analytics.celery", server.url):
        yield server.url
    server.stop()


@pytest.fixture
def smtp_server(settings: object) -> Iterator[SmtpServer]:
    """Run an SMTP server that records what it takes, with the settings pointed at it."""
    with SmtpServer() as server:
        point_at_smtp(settings, server.port)
        yield server


@pytest.fixture
def payment_provider(settings: object) -> Iterator[PaymentProvider]:
    """Run the payment provider's process on a free port, with the settings pointed at it."""
    with PaymentProvider(os.environ["PAYMENTS_API_KEY"], os.environ[FOLDER]) as provider:
        point_at_provider(settings, provider.url, provider.api_key)
        yield provider


@pytest.fixture
def celery_worker_process(transactional_db: None) -> Iterator[Callable[..., object]]:
    """Give a factory of real worker processes on the test's own database and brokers.

    `celery_worker_process("mail")` returns once that worker takes tasks. See WorkerProcesses.
    """
    with WorkerProcesses(_folder("workers"), os.environ[FOLDER]) as processes:
        yield processes.start


@pytest.fixture
def web_process(transactional_db: None) -> Iterator[Callable[..., object]]:
    """Give a factory of real web servers: `web_process(LOG_FORMAT="json").url`.

    See WebProcesses.
    """
    with WebProcesses(_folder("web"), os.environ[FOLDER]) as processes:
        yield processes.start
