"""The page's examples do what it says: a webhook, and Sentry's own SDK, to a real server."""

import gzip
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from patterns.failure_check.configuration import CHECKS
from patterns.failure_check.problem import Notice
from tests.failure_check.web import Web
from tests.servers import eventually

PAGE = Path(__file__).parent.parent.parent / "docs" / "failure_check.md"


def example(name: str) -> Any:
    """Return a function of the page's Python."""
    [code] = [
        block
        for block in re.findall(r"```python\n(.+?)```", PAGE.read_text("utf-8"), re.DOTALL)
        if f"def {name}(" in block
    ]
    names: dict[str, Any] = {}
    exec(code, names)
    return names[name]


def test_the_checks_of_the_page_are_the_default_ones_and_the_projects_own() -> None:
    [code] = re.findall(r"```python\n(# settings.py.+?)```", PAGE.read_text("utf-8"), re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    *default, own = names["FAILURE_CHECKS"]
    assert tuple(default) == CHECKS
    assert own == "house.alarms.tap"


def notice(event: Any = "raised") -> Notice:
    return Notice(
        name="tap",
        severity="critical",
        sentence="The tap drips.",
        remedy="Turn it off.",
        event=event,
        raised_at=datetime(2026, 1, 2, tzinfo=UTC),
    )


def test_a_webhook_is_given_the_sentence_and_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    with Web() as web:
        monkeypatch.setenv("ALARM_WEBHOOK", f"{web.url}/hook")
        example("webhook")(notice())
    [(path, body)] = web.asked
    assert path == "/hook"
    assert json.loads(body) == {"text": "raised: The tap drips. Turn it off."}


@pytest.mark.parametrize(("event", "level"), [("raised", "fatal"), ("cleared", "info")])
def test_sentry_groups_by_the_problems_name(event: str, level: str) -> None:
    sentry_sdk = pytest.importorskip("sentry_sdk")
    with Web() as web:
        sentry_sdk.init(
            f"http://key@127.0.0.1:{web.port}/1",
            default_integrations=False,
            auto_enabling_integrations=False,
        )
        example("sentry")(notice(event))
        sentry_sdk.flush(30)
        eventually(lambda: web.asked)
        sentry_sdk.init()
    told = [each for _, body in web.asked for each in envelope(body) if "fingerprint" in each]
    assert [(each["fingerprint"], each["level"], each["message"]) for each in told] == [
        (["failure_check", "tap"], level, "The tap drips.")
    ]


def envelope(body: bytes) -> list[dict[str, Any]]:
    """Return the JSON lines that Sentry's SDK sends."""
    text = gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body
    return [json.loads(line) for line in text.splitlines() if line.startswith(b"{")]


def test_the_first_example_is_a_check() -> None:
    check = example("tap")
    check.__globals__["drops_a_minute"] = lambda: 4
    assert [problem.name for problem in check()] == ["tap"]
