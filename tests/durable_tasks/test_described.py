"""What a command tells of one task."""

from typing import Any

import pytest
from durable_shop import tasks
from durable_shop.celery import app

from patterns.durable_tasks import described, obstacles
from tests.durable_tasks.failures import fail


@pytest.fixture(autouse=True)
def shop_is_the_app(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(obstacles, "app_of", lambda queue: app)


def test_of_a_task_to_which_nothing_has_happened_no_history_is_told() -> None:
    id = tasks.write_note.delay("one").id
    told = described.whole(id, with_arguments=True)
    assert told is not None
    text = described.as_text(told)
    assert '[["one"], {}]' in text
    assert "history" not in text
    assert "traceback" not in text


def test_a_describe_that_raises_hides_nothing_else(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def describe(self: Any, each: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(type(app.tasks["shop.write_note"]), "describe", describe, raising=False)
    told = described.whole(fail("one").pk, with_arguments=False)
    assert told is not None
    assert (told["about"], told["error"]) == ("", "ValueError: told to")
    assert "describe() of shop.write_note failed." in caplog.text
    assert "ZeroDivisionError" in caplog.text
