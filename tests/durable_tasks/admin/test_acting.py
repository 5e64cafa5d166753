"""Replay and discard on the pages: one, the ticked, a group, a filter, all; asked about if many."""

import threading
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.urls import resolve
from durable_shop.celery import app

from patterns.durable_tasks import failed
from patterns.durable_tasks.admin import progress
from patterns.durable_tasks.admin.choosing import MOST_IDS
from patterns.durable_tasks.models import Event, State, TaskRow
from tests.durable_tasks.admin.conftest import FAILED, TASKS, confirm, form_of, text_of
from tests.durable_tasks.failures import fail, fail_many, history, states
from tests.durable_tasks.test_locks import hanging

REPLAY, DISCARD = f"{FAILED}replay/", f"{FAILED}discard/"


def test_one_is_replayed_from_its_page_at_once(kim: Client) -> None:
    row = fail("one")
    assert (
        b'formaction="/admin/durable_tasks/failedtask/replay/"'
        in kim.get(f"{FAILED}{row.pk}/change/").content
    )
    page = text_of(kim.post(REPLAY, {"id": row.pk}, follow=True))
    assert "1 task was replayed." in page
    assert states() == {State.READY: 1}
    [_, (kind, by)] = history(row.pk)
    assert (kind, by.startswith("kim (#")) == ("replayed", True)


def test_who_replays_while_another_transaction_holds_what_it_needs_is_told(kim: Client) -> None:
    row = fail("one")
    with hanging("LOCK TABLE durable_tasks_event IN ACCESS EXCLUSIVE MODE"):
        kim.post(REPLAY, {"id": row.pk})
    assert "Another transaction has held these rows" in text_of(kim.get(FAILED))
    assert states() == {State.FAILED: 1}


def test_one_is_discarded_only_when_confirmed(kim: Client) -> None:
    row = fail("one")
    asked = kim.post(DISCARD, {"id": row.pk})
    assert "Discard 1 failed task?" in text_of(asked)
    assert states() == {State.FAILED: 1}
    assert "1 task was discarded." in text_of(confirm(kim, DISCARD, asked))
    assert states() == {State.DISCARDED: 1}


@pytest.mark.parametrize("address", [REPLAY, DISCARD])
def test_several_ticked_ones_are_asked_about(kim: Client, address: str) -> None:
    rows = [fail(each) for each in "abc"]
    asked = kim.post(address, {"id": [rows[0].pk, rows[2].pk]})
    assert "2 failed tasks?" in text_of(asked)
    assert states() == {State.FAILED: 3}
    confirm(kim, address, asked)
    assert TaskRow.objects.get(state=State.FAILED).pk == rows[1].pk


@pytest.mark.parametrize("address", [REPLAY, DISCARD])
def test_a_get_asks_and_does_nothing(kim: Client, address: str) -> None:
    row = fail("one")
    for query in ("all=1", f"id={row.pk}", f"id={row.pk}&confirmed=yes", "queue=default"):
        assert "1 failed task?" in text_of(kim.get(f"{address}?{query}"))
    assert states() == {State.FAILED: 1}


def test_a_group_is_replayed_and_nothing_else(kim: Client) -> None:
    fail_many(3)
    other = fail("one", error="KeyError: 'price'")
    groups = kim.get(FAILED).context["groups"]
    query = next(each["query"] for each in groups if each["exception"] == "ValueError")
    page = text_of(confirm(kim, REPLAY, kim.get(REPLAY + query)))
    assert "3 tasks were replayed." in page
    assert TaskRow.objects.get(state=State.FAILED).pk == other.pk


def test_what_a_filter_leaves_is_replayed_and_nothing_else(kim: Client) -> None:
    fail("one", queue="mail", error="KeyError: 'price'")
    fail("two", queue="mail")
    fail("three")
    context = kim.get(FAILED, {"queue": "mail", "text": "told"}).context
    confirm(kim, REPLAY, kim.get(REPLAY + context["everything"]))
    assert TaskRow.objects.get(state=State.READY).shown == '["(\'two\',)", "{}"]'


@pytest.mark.parametrize(("address", "state"), [(REPLAY, 1), (DISCARD, 5)])
def test_all_are_replayed_or_discarded(kim: Client, address: str, state: int) -> None:
    fail_many(30)
    asked = kim.get(address, {"all": "1"})
    assert "30 failed tasks?" in text_of(asked)
    confirm(kim, address, asked)
    assert states() == {state: 30}


@pytest.mark.parametrize("address", [REPLAY, DISCARD])
@pytest.mark.parametrize(
    "choice",
    [
        *({}, {"back": ""}, {"kind": "x"}, {"id": ""}, {"id": "x"}, {"since": "x", "all": "1"}),
        *({"queue": ""}, {"text": " "}, {"state": "1"}, {"until": "2999-01-01"}),
        *({"all": "1", "kind": "x"}, {"queue": "default", "state": "1"}),
        {"id": [str(uuid4()), "x"]},
    ],
)
def test_what_was_not_chosen_is_never_taken_for_all(
    kim: Client, address: str, choice: dict[str, Any]
) -> None:
    fail_many(3)
    for confirmed in ({}, {"confirmed": "yes"}):
        page = text_of(kim.post(address, {**choice, **confirmed}, follow=True))
        assert "Nothing was" in page
    assert states() == {State.FAILED: 3}


@pytest.mark.parametrize("address", [REPLAY, DISCARD])
def test_more_than_can_be_ticked_is_refused_whole(kim: Client, address: str) -> None:
    row = fail("one")
    for confirmed in ({}, {"confirmed": "yes"}):
        chosen = {"id": [row.pk, *(uuid4() for _ in range(MOST_IDS))], **confirmed}
        page = text_of(kim.post(address, chosen, follow=True))
        assert "Nothing was done: more than 500 tasks are ticked." in page
    assert states() == {State.FAILED: 1}


def test_what_fails_after_the_question_is_not_touched(kim: Client) -> None:
    fail("seen")
    asked = kim.get(REPLAY, {"all": "1"})
    late = fail("late")
    confirm(kim, REPLAY, asked)
    assert TaskRow.objects.get(state=State.FAILED).pk == late.pk


def test_an_hour_is_that_of_the_question(kim: Client) -> None:
    row = fail("one")
    asked = kim.get(REPLAY, {"since": "hour"})
    assert form_of(asked)["since"][0] > "2020"
    confirm(kim, REPLAY, asked)
    assert TaskRow.objects.get(pk=row.pk).state == State.READY


def test_two_who_confirm_the_same_replay_it_once(kim: Client) -> None:
    row = fail("one")
    asked = kim.get(REPLAY, {"all": "1"})
    confirm(kim, REPLAY, asked)
    page = text_of(confirm(kim, REPLAY, asked))
    assert "somebody else has replayed or discarded them" in page
    assert [kind for kind, _ in history(row.pk)] == ["failed", "replayed"]


def test_two_at_once_replay_each_row_once(kim: Client) -> None:
    fail_many(2000)
    asked = kim.get(REPLAY, {"all": "1"})
    begin = threading.Barrier(2)

    def press() -> None:
        begin.wait(30)
        confirm(kim, REPLAY, asked)
        connection.close()

    threads = [threading.Thread(target=press) for _ in range(2)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(60)
    assert states() == {State.READY: 2000}
    assert Event.objects.filter(kind="replayed").count() == 2000


def test_many_are_done_a_few_seconds_at_a_time_with_progress(
    kim: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "SECONDS_A_REQUEST", 0)
    fail_many(2500)
    fail("unreadable", arguments="")
    response = confirm(kim, REPLAY, kim.get(REPLAY, {"all": "1"}))
    assert "1,000 of 2,501 tasks replayed so far." in text_of(response)
    assert states() == {State.FAILED: 1501, State.READY: 1000}
    late = fail("late")
    response = confirm(kim, REPLAY, response)
    assert "2,000 of 2,501 tasks" in text_of(response)
    page = text_of(confirm(kim, REPLAY, response))
    assert "2,500 tasks were replayed." in page
    assert "1 task stayed failed: Its arguments could not be read" in page
    assert states() == {State.FAILED: 2, State.READY: 2500}
    assert TaskRow.objects.get(pk=late.pk).state == State.FAILED


def test_the_page_that_goes_on_does_so_by_a_file_of_its_own(
    kim: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "SECONDS_A_REQUEST", 0)
    fail_many(1500)
    page = confirm(kim, REPLAY, kim.get(REPLAY, {"all": "1"})).content.decode()
    assert 'class="goes-on"' in page
    assert "durable_tasks/pages.js" in page
    assert '<progress max="1500" value="1000">' in page


@pytest.mark.parametrize(
    "tampered",
    [
        *({"after": "x|y|z"}, {"after": "aaaa"}),
        {"after": f"2020-01-01|infinity|{uuid4()}"},
        {"after": f"0001-01-01T00:00:00+23:59|-infinity|{uuid4()}"},
    ],
)
def test_a_place_to_go_on_from_that_is_none_is_refused(
    kim: Client, tampered: dict[str, str]
) -> None:
    fail_many(3)
    response = kim.post(REPLAY, {"all": "1", "confirmed": "yes", **tampered})
    assert response.status_code == 400
    assert states() == {State.FAILED: 3}


@pytest.mark.parametrize(
    "tampered",
    [
        *({"left": "[["}, {"left": "[]"}, {"left": '{"x": "y"}'}, {"left": '{"a": 1e999}'}),
        *({"done": "x", "total": "-1"}, {"done": "9" * 400}, {"back": "//evil.example/"}),
        {"back": "x\r\nSet-Cookie: a=b"},
    ],
)
def test_tampered_progress_changes_nothing_but_what_it_shows(
    kim: Client, tampered: dict[str, str]
) -> None:
    fail("one")
    response = kim.post(REPLAY, {"all": "1", "confirmed": "yes", **tampered})
    assert response.status_code == 302
    assert response["Location"].startswith(FAILED)
    assert "Set-Cookie: a" not in str(response.headers)
    assert states() == {State.READY: 1}


def test_what_cannot_be_replayed_is_told_before_and_after(kim: Client) -> None:
    row = fail("one", arguments="", name="", reason="malformed", message=b"\xff")
    fail("two")
    asked = kim.get(REPLAY, {"all": "1"})
    assert "1 task cannot be replayed, and will stay in the list" in text_of(asked)
    assert "Replay 1 task</button>" in asked.content.decode()
    assert "1 task stayed failed" in text_of(confirm(kim, REPLAY, asked))
    page = kim.get(f"{FAILED}{row.pk}/change/")
    assert "It cannot be replayed." in text_of(page)
    assert [each["name"] for each in page.context["buttons"]] == ["discard"]


def test_where_none_can_be_replayed_there_is_nothing_to_press(kim: Client) -> None:
    for n in range(2):
        fail(n, arguments="", name="", reason="malformed", message=b"\xff")
    page = kim.get(REPLAY, {"all": "1"}).content.decode()
    assert "2 tasks cannot be replayed, and will stay in the list" in page
    assert '<button type="submit" class="button replay"' not in page
    assert "No, go back" in page


def test_a_hook_that_refuses_leaves_its_rows_and_says_why(
    kim: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Any, each: Any) -> None:
        raise RuntimeError("the <mail> is gone")

    monkeypatch.setattr(type(app.tasks["shop.write_note"]), "on_replay", refuse, raising=False)
    row = fail("one")
    response = kim.post(REPLAY, {"id": row.pk}, follow=True)
    assert "the &lt;mail&gt; is gone" in response.content.decode()
    assert states() == {State.FAILED: 1}


def test_one_that_is_gone_is_told(kim: Client) -> None:
    page = text_of(kim.post(REPLAY, {"id": uuid4()}, follow=True))
    assert "Nothing was left to do" in page


@pytest.mark.parametrize("address", [REPLAY, DISCARD])
def test_a_question_about_none_is_not_asked(kim: Client, address: str) -> None:
    """As when somebody else was quicker, or a filter matches nothing."""
    for chosen in ({"id": [str(uuid4()), str(uuid4())]}, {"all": "1"}):
        page = text_of(kim.get(address, chosen, follow=True))
        assert "None of these tasks is in the failed set now." in page


def test_after_the_ticked_ones_the_list_is_as_it_was_narrowed(kim: Client) -> None:
    row = fail("one", queue="mail")
    response = kim.post(REPLAY, {"id": row.pk, "back": "queue=mail&text=%C3%A4"})
    assert response["Location"] == f"{FAILED}?queue=mail&text=%C3%A4"


def test_a_request_in_one_transaction_still_commits_each_thousand() -> None:
    """ATOMIC_REQUESTS would hold the locks of ten thousand rows, and lose all to a broken line."""
    for address in (REPLAY, DISCARD, f"{TASKS}cancel/"):
        assert resolve(address).func._non_atomic_requests == {"default"}


def test_a_replayed_task_is_seen_among_the_tasks(kim: Client) -> None:
    row = fail("one")
    failed.replay(failed.Selection(), by="pat")
    response = kim.get(f"{FAILED}{row.pk}/change/", follow=True)
    assert response.redirect_chain[-1][0] == f"{TASKS}{row.pk}/change/"
    assert "It waits in the database for the relay." in text_of(response)
