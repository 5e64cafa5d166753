"""The list of failed tasks: what failed, how often, why; found again by any of it."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.utils import timezone
from durable_shop.celery import app

from patterns.durable_tasks import failed
from patterns.durable_tasks.models import TaskRow
from tests.durable_tasks.admin.conftest import (
    EVERYTHING,
    FAILED,
    HISTORY,
    TASKS,
    Log_in,
    confirm,
    text_of,
)
from tests.durable_tasks.failures import fail, fail_many


def listed(client: Client, **filters: Any) -> str:
    return text_of(client.get(FAILED, filters))


def test_an_empty_list_says_all_clear(kim: Client) -> None:
    assert "All clear. No task has failed." in listed(kim)


def test_it_is_not_clear_before_what_was_replayed_has_ended(kim: Client) -> None:
    fail("one")
    failed.replay(failed.Selection(), by="pat")
    page = listed(kim)
    assert "All clear" not in page
    assert "Replayed, not yet done: 1" in page
    TaskRow.objects.all().delete()
    assert "All clear" in listed(kim)


def test_equal_failures_are_one_group_with_a_count(kim: Client) -> None:
    fail_many(12)
    fail("one", name="shop.other", error="KeyError: 'price'")
    page = listed(kim)
    assert "13 tasks have failed" in page
    assert "shop.write_note ValueError told to 12 " in page
    assert "shop.other KeyError 'price' 1 " in page
    assert "Replay 12…" in page


def test_many_kinds_of_failure_are_shown_on_demand(kim: Client) -> None:
    for number in range(20):
        fail("one", error=f"Error{number:02}: no")
    assert "Show 5 more kinds of failure" in listed(kim)
    assert "Error00" in listed(kim, all_groups=1)


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"name": "shop.other"}, ["other"]),
        ({"queue": "mail"}, ["mail"]),
        ({"exception": "KeyError"}, ["key"]),
        ({"reason": "crashes"}, ["crash"]),
        ({"since": "day"}, ["crash", "key", "mail", "other"]),
        ({"until": "2020-01-01T00:00:00Z"}, ["old"]),
        ({"text": "PRICE"}, ["key"]),
        ({"text": "'old'"}, ["old"]),
        ({"text": "%"}, []),
        ({"name": "shop.write_note", "queue": "mail"}, ["mail"]),
        ({"name": " "}, []),
    ],
)
def test_tasks_are_found_by(kim: Client, filters: dict[str, str], found: list[str]) -> None:
    fail("other", name="shop.other")
    fail("mail", queue="mail")
    fail("key", error="KeyError: 'price'")
    fail("crash", reason="crashes")
    fail("old", failed_at=datetime(2019, 1, 1, tzinfo=UTC))
    rows = kim.get(FAILED, filters).context["rows"]
    assert sorted(row.what.strip("(),'") for row, _ in rows) == sorted(found)


def test_the_newest_come_first_fifty_a_page(kim: Client) -> None:
    fail_many(60)
    newest = fail("newest")
    first = kim.get(FAILED)
    assert first.context["rows"][0][0].id == newest.pk
    assert len(first.context["rows"]) == 50
    second = kim.get(FAILED + first.context["next_page"])
    assert len(second.context["rows"]) == 11
    assert second.context["next_page"] == ""


@pytest.mark.parametrize(
    "query",
    [
        *("page=0", "page=-1", "page=x", "page=99999999999999", "page=²"),
        *("since=x", "since=0001-01-01T00:00:00%2B23:59", "until=9999-12-31T23:59:59-23:59"),
        *("id=x", "id=", "name=%00", "name=%ff", "text=%00%ed%a0%80", "name=" + "x" * 3000),
        *("name=a&name=b", "p=1", "e=1", "o=1.2", "q=x", "name__contains=x", "all_groups=x"),
    ],
)
def test_no_address_is_an_error(kim: Client, query: str) -> None:
    fail("one")
    assert kim.get(f"{FAILED}?{query}").status_code == 200


def test_a_filter_that_cannot_be_read_is_told(kim: Client) -> None:
    fail("one")
    page = text_of(kim.get(FAILED, {"since": "yesterday-ish"}))
    assert "Left out of the filter: 'yesterday-ish' is no time." in page


def test_what_a_task_is_about_is_asked_once_a_task_and_shown(
    kim: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def describe(self: Any, each: Any) -> list[str]:
        asked.append(len(each))
        return [f"to <{args[0]}>" for args, _ in each]

    monkeypatch.setattr(type(app.tasks["shop.write_note"]), "describe", describe, raising=False)
    fail("pat@example.com")
    fail("kim@example.com")
    response = kim.get(FAILED)
    assert "to &lt;pat@example.com&gt;" in response.content.decode()
    assert asked == [1, 2]  # the group's example, then the rows


def test_the_text_box_finds_a_row_by_what_its_task_says_of_it(
    kim: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = {"7": "pat@example.com", "8": "kim@example.com"}

    def described_as(self: Any, text: str) -> list[Any]:
        return [([id], {}) for id, who in people.items() if text in who]

    task = type(app.tasks["shop.write_note"])
    monkeypatch.setattr(task, "described_as", described_as, raising=False)
    pat = fail("7", shown="***")
    fail("8", shown="***")
    fail("7", name="shop.chained", shown="***")
    found = kim.get(FAILED, {"text": "pat@"})
    assert [row.id for row, _ in found.context["rows"]] == [pat.pk]
    assert [each["number"] for each in found.context["groups"]] == ["1"]
    assert kim.get(FAILED, {"text": "nobody@"}).context["rows"] == []
    asked = kim.get(f"{FAILED}replay/", {"text": "pat@"})
    confirm(kim, f"{FAILED}replay/", asked)
    assert TaskRow.objects.get(state=1).pk == pat.pk


@pytest.mark.parametrize("fault", ["raises", "reads no table", "finds nonsense"])
def test_a_task_that_cannot_say_what_a_text_means_hides_nothing(
    kim: Client, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    def described_as(self: Any, text: str) -> Any:
        if fault == "raises":
            raise RuntimeError("told to")
        return list(TaskRow.objects.raw("SELECT * FROM nothing")) if "reads" in fault else [object]

    task = type(app.tasks["shop.write_note"])
    monkeypatch.setattr(task, "described_as", described_as, raising=False)
    row = fail("one")
    found = kim.get(FAILED, {"text": "told to"}).context["rows"]
    assert [each.id for each, _ in found] == [row.pk]


@pytest.mark.parametrize("fault", ["raises", "too few", "surrogates", "reads no table"])
def test_a_task_that_describes_itself_badly_hides_nothing(
    kim: Client, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    def describe(self: Any, each: Any) -> Any:
        if fault == "raises":
            raise RuntimeError("told to")
        if fault == "reads no table":
            return list(TaskRow.objects.raw("SELECT * FROM nothing"))
        return [] if fault == "too few" else ["\ud800\x00"] * len(each)

    monkeypatch.setattr(type(app.tasks["shop.write_note"]), "describe", describe, raising=False)
    fail("one")
    assert "shop.write_note" in listed(kim)


def test_beside_arguments_that_cannot_be_read_the_others_are_described(
    kim: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def describe(self: Any, each: Any) -> list[str]:
        return [f"to <{args[0]}>" for args, _ in each]

    monkeypatch.setattr(type(app.tasks["shop.write_note"]), "describe", describe, raising=False)
    fail("pat@example.com")
    fail("kim", arguments="no JSON")
    rows = kim.get(FAILED).context["rows"]
    assert sorted(row.subject for row, _ in rows) == ["", "to <pat@example.com>"]


def test_secrets_stay_hidden_in_the_list(kim: Client) -> None:
    fail("pat", shown="[\"('pat', '***')\", \"{}\"]", arguments='[["pat", "hunter2"], {}]')
    assert "hunter2" not in kim.get(FAILED).content.decode()
    assert "('pat', '***')" in listed(kim)


def test_a_group_of_unnamed_tasks_can_be_chosen(kim: Client) -> None:
    fail("one", name="", error="", reason="malformed", arguments="", message=b"\xff")
    fail("two")
    [query] = [
        each["query"] for each in kim.get(FAILED).context["groups"] if each["title"] == "(no name)"
    ]
    assert "1 task matches the filter" in text_of(kim.get(FAILED + query))


def test_filters_offer_what_there_is(kim: Client, settings: Any) -> None:
    settings.DURABLE_TASKS_QUEUES = {"charge": {}}
    fail("one", error="KeyError: 'price'")
    boxes = {each.name: each for each in kim.get(FAILED).context["filters"]}
    assert [each.value for each in boxes["name"].options] == ["shop.write_note"]
    assert [each.value for each in boxes["exception"].options] == ["KeyError"]
    assert "charge" in [each.value for each in boxes["queue"].options]


def test_an_hour_is_an_hour(kim: Client) -> None:
    fail("now")
    fail("before", failed_at=timezone.now() - timedelta(minutes=61))
    assert [row.what for row, _ in kim.get(FAILED, {"since": "hour"}).context["rows"]] == [
        "('now',)"
    ]


def test_the_pages_are_linked_from_the_admin_for_who_may_see_them(log_in: Log_in) -> None:
    every, tasks_alone = log_in(*EVERYTHING).get("/admin/"), log_in("view_taskrow").get("/admin/")
    for page in (FAILED, HISTORY):
        assert page in every.content.decode()
        assert page not in tasks_alone.content.decode()
    assert TASKS in tasks_alone.content.decode()


def test_it_narrows_by_an_address_that_a_message_can_carry(kim: Client) -> None:
    fail("one", name="shop.a b&c", error="Odd<Error>: x")
    query = urlencode({"name": "shop.a b&c", "exception": "Odd<Error>"})
    assert "1 task matches the filter" in text_of(kim.get(f"{FAILED}?{query}"))
