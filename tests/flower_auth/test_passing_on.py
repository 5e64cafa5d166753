"""What reaches Flower of a request, part by part, and what is asked of the database for whom.

In this process: through a real connection, Tornado reads no further once one has been answered.
The Django of the kit's test process is the one that tests/servers.py configures.
"""

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from queue import SimpleQueue
from typing import Any

import pytest
from tornado.httputil import HTTPHeaders, HTTPMessageDelegate, RequestStartLine

import tests.servers  # noqa: F401  it configures Django

# isort: split
from patterns.flower_auth import guard, sessions
from patterns.flower_auth.answers import Answer
from patterns.flower_auth.gate import Gate, Pass
from patterns.flower_auth.server import _GuardedRequest

POST = RequestStartLine("POST", "/flower/api/task/apply/charge", "HTTP/1.1")


class Flower(HTTPMessageDelegate):
    """Notes what reaches it."""

    def __init__(self) -> None:
        self.reached: list[object] = []

    def headers_received(self, start_line: Any, headers: HTTPHeaders) -> Any:
        async def later() -> None:
            self.reached.append("headers")

        return later()

    def data_received(self, chunk: bytes) -> None:
        self.reached.append(chunk)

    def finish(self) -> None:
        self.reached.append("end")

    def on_connection_close(self) -> None:
        self.reached.append("closed")


class Connection:
    """Takes an answer."""

    def write_headers(self, *parts: Any) -> None: ...

    def finish(self) -> None: ...


@pytest.mark.parametrize(
    ("verdict", "reached"),
    [(Pass.BEARER, ["headers", b"body", "end", "closed"]), (Answer(HTTPStatus.FORBIDDEN), [])],
    ids=["admitted", "refused"],
)
def test_of_a_refused_request_no_part_reaches_flower(verdict: Any, reached: list[object]) -> None:
    class Judging(Gate):
        async def judge(self, request: RequestStartLine, headers: HTTPHeaders) -> Any:
            return verdict

    flower, connection = Flower(), Connection()
    request = _GuardedRequest(gate(Judging), connection, flower)  # type: ignore[arg-type]
    asyncio.run(request.headers_received(POST, HTTPHeaders()))
    request.data_received(b"body")
    request.finish()
    request.on_connection_close()
    assert flower.reached == reached


def gate(kind: type[Gate]) -> Gate:
    return kind(
        site_url="https://shop.example",
        login_url="https://shop.example/login/",
        root="/tools/flower/",
        metrics_token="",
        allowed=bool,
        is_read_only=True,
    )


@pytest.mark.parametrize("path", ["/tools", "/tools/", "/"])
def test_staff_who_ask_above_flower_are_led_to_it(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def somebody(*_: Any) -> sessions.Visitor:
        return sessions.Visitor("ada", is_allowed=True)

    monkeypatch.setattr("patterns.flower_auth.gate.find_visitor", somebody)
    request = RequestStartLine("GET", path, "HTTP/1.1")
    answer = asyncio.run(gate(Gate).judge(request, HTTPHeaders()))
    assert isinstance(answer, Answer)
    assert answer.headers["Location"] == "/tools/flower/"


def test_the_database_is_not_asked_for_one_who_has_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def question(name: str) -> Callable[[], None]:
        return lambda: asked.append(name)

    async def ask() -> None:
        gone, waiting = (asyncio.get_running_loop().create_future() for _ in range(2))
        gone.cancel()
        questions: SimpleQueue[Any] = SimpleQueue()
        questions.put((gone, question("gone")))
        questions.put((waiting, question("waiting")))
        questions.put(None)  # what is no question ends the thread
        with pytest.raises(TypeError):
            sessions._answer(questions)
        await waiting

    asyncio.run(ask())
    assert asked == ["waiting"]


@pytest.mark.parametrize("kept_in", ["cache", "signed_cookies", "db"])
def test_where_django_runs_already_the_guard_takes_it_as_it_is(settings: Any, kept_in: str) -> None:
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{kept_in}"
    settings.LOGIN_URL = "/login/"
    assert guard._require_django(allowed=bool) == "/login/"
