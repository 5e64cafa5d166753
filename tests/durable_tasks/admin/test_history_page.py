"""All that happened, the newest first; by kind; each line leads to its task."""

import pytest
from django.test import Client

from patterns.durable_tasks.models import Event
from tests.durable_tasks.admin.conftest import FAILED, HISTORY, text_of
from tests.durable_tasks.failures import fail


def test_what_people_did_is_found_by_kind(kim: Client) -> None:
    rows = [fail("a"), fail("b")]
    kim.post(f"{FAILED}replay/", {"id": rows[0].pk})
    kim.post(f"{FAILED}discard/", {"id": rows[1].pk, "confirmed": "yes"})
    kinds = [each["kind"] for each in kim.get(HISTORY).context["events"]]
    assert kinds == ["discarded", "replayed", "failed", "failed"]
    [event] = kim.get(HISTORY, {"kind": "discarded"}).context["events"]
    assert event["who"].startswith("kim (#")
    assert event["address"] == f"{FAILED}{rows[1].pk}/change/"


def test_pages_go_on(kim: Client) -> None:
    row = fail("a")
    Event.objects.bulk_create(Event(task_id=row.pk, name="x", kind="retried") for _ in range(60))
    first = kim.get(HISTORY, {"kind": "retried"})
    assert len(first.context["events"]) == 50
    assert len(kim.get(HISTORY + first.context["next_page"]).context["events"]) == 10


@pytest.mark.parametrize("query", ["kind=x", "kind=%00", "page=0", "page=x", "kind='"])
def test_no_address_is_an_error(kim: Client, query: str) -> None:
    assert kim.get(f"{HISTORY}?{query}").status_code == 200


def test_an_event_has_no_page_of_its_own(kim: Client) -> None:
    row = fail("a")
    event = Event.objects.get(task_id=row.pk)
    assert "History of tasks" in text_of(kim.get(f"{HISTORY}{event.pk}/change/", follow=True))
