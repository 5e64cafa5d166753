"""One id leads from a request to its mails; lines are JSON, and hold no secret."""

import json
import logging
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO
from time import monotonic, sleep
from typing import Any

import httpx
import pytest
from django.conf import settings
from django.test import Client
from pytest_django import Settings
from redis import Redis

from config import log_context
from config.celery import app
from config.logs import JsonLine, WordsLine
from config.tasks import clear_sessions
from development.testing import PaymentProvider, SmtpServer, worker_environment
from patterns.durable_tasks.models import TaskRow
from patterns.durable_tasks.row_options import read_options
from purchases.models import Product

DEADLINE_SECONDS = 60  # workers and web start on a machine that runs everything else at once
ID = "from-the-proxy-0123456789"


@contextmanager
def listening(name: str) -> Iterator[Callable[[], list[Any]]]:
    """Give what returns the JSON lines of one logger."""
    output = StringIO()
    handler = logging.StreamHandler(output)
    handler.setFormatter(JsonLine())
    logging.getLogger(name).addHandler(handler)
    try:
        yield lambda: [json.loads(line) for line in output.getvalue().splitlines()]
    finally:
        logging.getLogger(name).removeHandler(handler)


@pytest.fixture
def lines() -> Iterator[Callable[[], list[Any]]]:
    """Return what returns the JSON lines of the logger `tests.lines`."""
    with listening("tests.lines") as read_lines:
        yield read_lines


@pytest.mark.parametrize("given", ["6ba7b810-9dad-11d1-80b4-00c04fd430c8", "0123456789abcdef"])
def test_a_sane_id_of_a_request_is_kept(client: Client, given: str) -> None:
    answer = client.get("/health/live", headers={"X-Request-ID": given})
    assert answer.headers["X-Request-ID"] == given


@pytest.mark.parametrize(
    "given",
    ["", "short", "x" * 65, "with space", "line\nbreak", "<script>alert(1)</script>", "é" * 9],
)
def test_any_other_is_replaced(client: Client, given: str) -> None:
    answer = client.get("/health/live", headers={"X-Request-ID": given})
    assert re.fullmatch("[0-9a-f]{32}", answer.headers["X-Request-ID"])


@pytest.mark.django_db
def test_what_django_says_of_a_request_has_its_id_too(client: Client) -> None:
    with listening("django.request") as read_lines:
        client.get("/no/such/page", headers={"X-Request-ID": ID})
    (line,) = read_lines()
    assert (line["request_id"], line["message"]) == (ID, "Not Found: /no/such/page")


def test_a_line_is_json_whatever_is_in_it(lines: Callable[[], list[Any]]) -> None:
    with log_context.about(request_id=ID):
        try:
            raise ValueError("no\nsuch thing")
        except ValueError:
            logging.getLogger("tests.lines").exception("Bad:\n%s", "é", extra={"order": 7})
    (line,) = lines()
    assert line["message"] == "Bad:\né"
    assert (line["level"], line["logger"], line["order"]) == ("ERROR", "tests.lines", 7)
    assert line["request_id"] == ID
    assert "no\nsuch thing" in line["exc_info"]
    assert line["time"].endswith("+00:00")


def test_neither_a_request_nor_a_tasks_arguments_are_shown(
    lines: Callable[[], list[Any]],
) -> None:
    data = {"id": "the task", "name": "tests.body", "args": "hunter2"}
    logging.getLogger("tests.lines").warning("x", extra={"data": data, "request": "hunter2"})
    (line,) = lines()
    assert "hunter2" not in json.dumps(line)
    assert (line["task_id"], line["task"]) == ("the task", "tests.body")


def test_words_end_with_the_ids_before_a_traceback() -> None:
    record = logging.LogRecord("a", logging.INFO, "", 0, "said", (), None)
    record.exc_text = "Traceback"
    assert WordsLine().format(record) == "INFO a: said\nTraceback"
    with log_context.about(request_id=ID, task_id="12"):
        first, _ = WordsLine().format(record).splitlines()
    assert first == f"INFO a: said [request {ID}, task 12]"


def test_no_name_writes_a_line_of_words_of_its_own_or_commands_a_terminal() -> None:
    name = "a.task\nERROR config: forged\r\x1b[2J\x85"
    record = logging.LogRecord("a", logging.INFO, "", 0, "Task %s", (name,), None)
    said = WordsLine().format(record)
    assert said == "INFO a: Task a.task\n    ERROR config: forged\\r\\x1b[2J\\x85"


@pytest.mark.django_db
def test_what_is_enqueued_in_a_request_carries_its_id_and_what_beat_enqueues_none() -> None:
    clear_sessions.delay()
    assert "headers" not in read_options(TaskRow.objects.get().options)
    TaskRow.objects.all().delete()
    with log_context.about(request_id=ID):
        clear_sessions.delay()
        many: Any = clear_sessions  # the stubs know Celery's own base alone
        many.enqueue_many([((), {})])
    carried = [read_options(row.options)["headers"] for row in TaskRow.objects.all()]
    assert carried == [{"request_id": ID}] * 2


@pytest.mark.django_db
def test_a_plain_task_s_message_carries_it_too(broker_url: str) -> None:
    task = app.tasks["config.clear_sessions"]
    plain = type("Plain", (type(task),), {"name": "tests.plain", "durable": False})()
    with log_context.about(request_id=ID):
        plain.apply_async(queue="admin")
    with Redis.from_url(broker_url) as broker:
        (message,) = broker.lrange("admin", 0, -1)
    assert json.loads(message)["headers"]["request_id"] == ID


def test_one_id_leads_from_the_request_to_the_mail_and_no_secret_is_logged(
    settings: Settings,
    broker_url: str,
    smtp_server: SmtpServer,
    payment_provider: PaymentProvider,
    celery_worker_process: Callable[..., Any],
    web_process: Callable[..., Any],
) -> None:
    """Web, relay and two workers as in production; the order's mail is two tasks away."""
    Product.objects.create(slug="kite", name="Kite", description="Flies.", price_cents=1200)
    settings.EMAIL_BACKEND = "patterns.queued_mail.backend.EmailBackend"
    as_json = {"LOG_FORMAT": "json"}
    web = web_process(**as_json)
    workers = [celery_worker_process(queue, env=as_json) for queue in ("purchasing", "mail")]
    with httpx.Client(base_url=web.url, headers={"Origin": web.url}) as visitor:
        form = {"email": "pat@example.com", "password": "hunter2-correct-horse"}
        visitor.get("/accounts/password/reset/MQ/token-of-a-reset/?key=key-in-a-query")
        post(visitor, "/accounts/signup/", form)
        bought = post(visitor, "/buy/kite/", {}, {"X-Request-ID": ID})
        secrets = [form["password"], visitor.cookies["sessionid"], visitor.cookies["csrftoken"]]
    assert bought.status_code == 302, bought.text
    assert bought.headers["X-Request-ID"] == ID

    wait_for(lambda: len(smtp_server.messages) == 2)
    wait_for(lambda: tasks_of(read(workers[1]), ID) >= {"queued_mail.deliver"})
    wait_for(lambda: tasks_of(read(workers[0]), ID) == {"purchases.charge", "purchases.pack_in"})
    (of_web,) = [line for line in read(web) if line.get("request_id") == ID]
    assert (of_web["method"], of_web["route"]) == ("POST", "/buy/<slug:slug>/")
    everything = "".join(each.log_path.read_text() for each in (web, *workers))
    secrets += [settings.SECRET_KEY, settings.PAYMENTS_API_KEY, settings.METRICS_TOKEN]
    secrets += ["token-of-a-reset", "key-in-a-query"]
    assert [secret for secret in secrets if secret in everything] == []
    assert "pat@example.com" not in everything


def post(
    visitor: httpx.Client, page: str, form: dict[str, str], headers: dict[str, str] | None = None
) -> httpx.Response:
    """Send a page's form as a browser does, with its hidden fields."""
    text = visitor.get(page).text
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', text))
    return visitor.post(page, data=hidden | form, headers=headers)


def read(process: Any) -> list[dict[str, Any]]:
    """Return a process's JSON lines; what a worker prints at its start is none."""
    whole = process.log_path.read_text().splitlines()
    return [json.loads(line) for line in whole if line.startswith('{"')]


def tasks_of(lines: list[dict[str, Any]], request_id: str) -> set[str]:
    return {str(line["task"]) for line in lines if line.get("request_id") == request_id}


def wait_for(holds: Callable[[], object]) -> None:
    deadline = monotonic() + DEADLINE_SECONDS
    while not holds():
        assert monotonic() < deadline, f"waited for {DEADLINE_SECONDS} s"
        sleep(0.1)


@pytest.mark.django_db
@pytest.mark.parametrize(("debug", "line_format"), [("False", "json"), ("True", "line")])
def test_production_writes_json_and_a_developer_reads_words(debug: str, line_format: str) -> None:
    said = subprocess.run(
        [sys.executable, "-c", "from config import settings; print(settings.LOG_FORMAT)"],
        cwd=settings.BASE_DIR,
        env=worker_environment() | {"DEBUG": debug},
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.split() == [line_format]
