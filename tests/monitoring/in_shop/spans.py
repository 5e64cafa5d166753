"""Run in a made shop with the recipe of docs/opentelemetry.md: what arrives at a collector."""

import re
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

DEADLINE_SECONDS = 120
TRACE = "0af7651916cd43dd8448eb211c80319c"  # the visitor's own, as a gateway would have begun it
spans: list[tuple[str, Any]] = []


class Collector(BaseHTTPRequestHandler):
    """Takes what an OTLP exporter posts."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            service = {each.key: each.value.string_value for each in resource.resource.attributes}
            for scope in resource.scope_spans:
                spans.extend((service["service.name"], span) for span in scope.spans)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def collector() -> Any:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.usefixtures("broker_url")
def test_a_mail_is_in_the_trace_of_its_request(
    settings: Any,
    smtp_server: Any,
    collector: str,
    web_process: Callable[..., Any],
    celery_worker_process: Callable[..., Any],
) -> None:
    settings.EMAIL_BACKEND = "patterns.queued_mail.backend.EmailBackend"
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector, "OTEL_BSP_SCHEDULE_DELAY": "100"}
    web = web_process(**environment)
    celery_worker_process("mail", env=environment)
    with httpx.Client(base_url=web.url) as visitor:
        page = visitor.get("/accounts/signup/").text
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
        assert token is not None
        form = {"email": "pat@example.com", "password": "correct horse", "name": ""}
        answer = visitor.post(
            "/accounts/signup/",
            data=form | {"csrfmiddlewaretoken": token[1]},
            headers={"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"},
        )
        assert answer.status_code == 302, answer.text
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not (found := {span.name: (service, span) for service, span in traced()}.keys()) >= {
        "POST accounts/signup/",
        "run/queued_mail.deliver",
    }:
        assert time.monotonic() < deadline, found
        time.sleep(0.1)
    of = {span.name: (service, span) for service, span in traced()}
    (web_service, request), (worker, task) = (
        of["POST accounts/signup/"],
        of["run/queued_mail.deliver"],
    )
    assert (web_service, worker) == ("shop-web", "shop-worker")
    assert task.parent_span_id == request.span_id
    attributes = "".join(str(span.attributes) for _, span in traced())
    assert "pat@example.com" not in attributes
    assert "correct horse" not in attributes


def traced() -> list[tuple[str, Any]]:
    return [(service, span) for service, span in list(spans) if span.trace_id.hex() == TRACE]
