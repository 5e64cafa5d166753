"""An app of one task that is run twice, and the far side that it asks."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from celery.app.registry import TaskRegistry
from durable_shop.models import Note

from patterns.durable_tasks.app import DurableCelery
from patterns.durable_tasks.every_task import cases
from patterns.durable_tasks.samples import Sample

WHERE = "tests/samples.py"


class OutsideServer(ThreadingHTTPServer):
    """The far side: it keeps connections open, and counts what was asked for."""

    daemon_threads = True

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        super().__init__(("127.0.0.1", 0), Answers)
        self.address = f"127.0.0.1:{self.server_address[1]}"


class Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # keep-alive

    def do_GET(self) -> None:
        self.server.asked[self.path] += 1  # type: ignore[attr-defined]
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *words: Any) -> None:
        pass


@contextmanager
def served() -> Iterator[OutsideServer]:
    with OutsideServer() as server:
        thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


class OwnTasks(TaskRegistry):
    """Leaves out the shared tasks of whatever this process has imported by now."""

    def __setitem__(self, name: str, task: Any) -> None:
        if name.startswith(("sampled.", "other.", "celery.")):
            super().__setitem__(name, task)


def new_app(name: str) -> DurableCelery:
    options: dict[str, Any] = {"task_cls": "patterns.durable_tasks.task:DurableTask"}
    app = DurableCelery(name, set_as_current=False, tasks=OwnTasks(), **options)
    app.conf.update(broker_url="redis://127.0.0.1:1/0", task_ignore_result=True)
    return app


def defined(app: DurableCelery, body: Callable[..., Any], **options: Any) -> Any:
    """Make the app's task of a body."""
    body.__name__ = "body"  # Celery takes no lambda by its own name
    return app.task(name="sampled.it", shared=False, **options)(body)


def run(app: DurableCelery, sample: Sample | None = None, **options: Any) -> None:
    [case] = cases([app], {"sampled.it": sample or of()}, where=WHERE, **options)
    case.run()


def of(*args: Any, **allowed: Any) -> Sample:
    return Sample(arguments=lambda: args, **allowed)


@contextmanager
def refused(*words: str) -> Iterator[None]:
    with pytest.raises(AssertionError) as failure:
        yield
    for each in words:
        assert each in str(failure.value)


def get_or_create(text: str = "one") -> None:
    Note.objects.get_or_create(text=text)
