"""What waits and what runs, by queue and state, and cancelling it."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client

from patterns.durable_tasks.admin import backlog, progress
from patterns.durable_tasks.admin.choosing import MOST_IDS
from patterns.durable_tasks.models import Event, QueueRow, State, TaskRow
from tests.durable_tasks.admin.conftest import FAILED, TASKS, Log_in, confirm, text_of
from tests.durable_tasks.failures import fail, states
from tests.durable_tasks.test_locks import LOCK_TASK, hanging

CANCEL = f"{TASKS}cancel/"


def wait(count: int = 1, state: State = State.READY, queue: str = "mail") -> list[TaskRow]:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO durable_tasks_task (id, name, queue, state, arguments, shown, started_at,"
            " leased_until, worker, discarded_at) SELECT gen_random_uuid(), 'shop.write_note', %s,"
            " %s, '[[\"x\"], {}]', '[\"(1,)\", \"{}\"]', now(), now(), 'mail@host', now()"
            " FROM generate_series(1, %s)",
            [queue, state.value, count],
        )
    return list(TaskRow.objects.filter(state=state, queue=queue))


@pytest.mark.parametrize("state", backlog.SHOWN)
def test_a_backlog_is_seen_by_queue_and_state(kim: Client, state: State) -> None:
    wait(3, state)
    wait(1, state, "charge")
    response = kim.get(TASKS, {"state": state.value})
    numbers = {
        each.queue: [cell["number"] for cell in each.cells()] for each in response.context["counts"]
    }
    column = backlog.SHOWN.index(state)
    assert numbers["mail"][column] == 3
    assert numbers["charge"][column] == 1
    assert sum(map(sum, numbers.values())) == 4
    assert len(response.context["rows"]) == 4
    assert f"{state.label.capitalize()} tasks" in text_of(response)


def test_a_count_leads_to_its_tasks(kim: Client) -> None:
    wait(3)
    wait(2, queue="charge")
    [mail] = [each for each in kim.get(TASKS).context["counts"] if each.queue == "mail"]
    [cell] = [cell for cell in mail.cells() if cell["number"]]
    rows = kim.get(TASKS + cell["query"]).context["rows"]
    assert {row.queue for row, _, _ in rows} == {"mail"}
    assert len(rows) == 3


def test_failed_ones_are_elsewhere(kim: Client) -> None:
    fail("one")
    page = kim.get(TASKS)
    assert not page.context["rows"]
    assert FAILED in page.content.decode()


def test_a_paused_queue_says_so(kim: Client) -> None:
    QueueRow.objects.create(name="mail", is_paused=True)
    assert "mail paused" in text_of(kim.get(TASKS))


def test_more_than_is_counted_is_said_to_be_more(
    kim: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait(30)
    monkeypatch.setattr(backlog, "MOST_COUNTED", 30)
    assert "30 or more" in text_of(kim.get(TASKS))


def test_pages_go_on(kim: Client) -> None:
    wait(70)
    response = kim.get(TASKS, {"state": 1, "queue": "mail"})
    assert len(response.context["rows"]) == 50
    following = kim.get(TASKS + response.context["next_page"])
    assert len(following.context["rows"]) == 20
    assert {row.queue for row, _, _ in following.context["rows"]} == {"mail"}


@pytest.mark.parametrize(
    "query", ["state=4", "state=x", "state=99", "state=", "queue=%00", "page=x"]
)
def test_no_address_is_an_error(kim: Client, query: str) -> None:
    wait()
    assert kim.get(f"{TASKS}?{query}").status_code == 200


@pytest.mark.parametrize("state", [State.SCHEDULED, State.READY, State.PUBLISHED])
def test_one_that_waits_is_cancelled_at_once(kim: Client, state: State) -> None:
    [row] = wait(1, state)
    page = text_of(kim.post(CANCEL, {"id": row.pk}, follow=True))
    assert "1 task cancelled" in page
    row.refresh_from_db()
    assert (row.state, row.reason) == (State.FAILED, "cancelled")
    assert Event.objects.get(task_id=row.pk, kind="cancelled").by.startswith("kim (#")


def test_who_cancels_one_that_another_transaction_holds_is_told(kim: Client) -> None:
    [row] = wait(1)
    with hanging(LOCK_TASK, row.pk):
        kim.post(CANCEL, {"id": row.pk})
    assert "Another transaction has held these rows" in text_of(kim.get(TASKS))
    assert states() == {State.READY: 1}


def test_several_are_asked_about(kim: Client) -> None:
    rows = wait(3)
    asked = kim.post(CANCEL, {"id": [each.pk for each in rows[:2]]})
    assert "Cancel 2 tasks?" in text_of(asked)
    assert states() == {State.READY: 3}
    confirm(kim, CANCEL, asked)
    assert states() == {State.READY: 1, State.FAILED: 2}


def test_a_running_one_is_asked_about_with_what_that_means(kim: Client) -> None:
    [row] = wait(1, State.RUNNING)
    asked = kim.post(CANCEL, {"id": row.pk})
    assert "what it has done outside stays done" in text_of(asked)
    assert states() == {State.RUNNING: 1}
    confirm(kim, CANCEL, asked)
    assert states() == {State.FAILED: 1}


def test_beside_one_that_ran_another_that_began_to_run_after_the_question_goes_on(
    kim: Client,
) -> None:
    ran, began = wait(2)
    TaskRow.objects.filter(pk=ran.pk).update(state=State.RUNNING)
    asked = kim.post(CANCEL, {"id": [ran.pk, began.pk]})
    TaskRow.objects.filter(pk=began.pk).update(state=State.RUNNING)
    page = text_of(confirm(kim, CANCEL, asked))
    assert "1 task cancelled" in page
    assert TaskRow.objects.get(state=State.RUNNING).pk == began.pk


def test_more_than_can_be_ticked_is_refused_whole(kim: Client) -> None:
    rows = wait(MOST_IDS + 1)
    page = text_of(kim.post(CANCEL, {"id": [each.pk for each in rows]}, follow=True))
    assert "Nothing was cancelled: more than 500 tasks are ticked." in page
    assert states() == {State.READY: MOST_IDS + 1}


def test_as_many_as_can_be_ticked_may_run(kim: Client) -> None:
    rows = wait(MOST_IDS, State.RUNNING)
    confirm(kim, CANCEL, kim.post(CANCEL, {"id": [each.pk for each in rows]}))
    assert states() == {State.FAILED: MOST_IDS}


@pytest.mark.parametrize("name", ["queue", "state", "text", "kind"])
def test_ticked_ones_are_narrowed_no_further(kim: Client, name: str) -> None:
    [row] = wait()
    page = text_of(kim.post(CANCEL, {"id": row.pk, name: "charge"}, follow=True))
    assert f"Nothing was cancelled: no list is narrowed by {name}." in page
    assert states() == {State.READY: 1}


def test_one_that_began_to_run_after_the_question_goes_on(kim: Client) -> None:
    rows = wait(2)
    asked = kim.post(CANCEL, {"id": [each.pk for each in rows]})
    TaskRow.objects.filter(pk=rows[0].pk).update(state=State.RUNNING)
    page = text_of(confirm(kim, CANCEL, asked))
    assert "1 task cancelled" in page
    assert "1 task had ended, or begun to run." in page
    assert states() == {State.RUNNING: 1, State.FAILED: 1}


@pytest.mark.parametrize("state", [State.FAILED, State.DISCARDED])
def test_one_that_has_ended_cannot_be_cancelled(kim: Client, state: State) -> None:
    row = fail("one")
    TaskRow.objects.update(state=state)
    page = text_of(kim.post(CANCEL, {"id": row.pk, "confirmed": "yes"}, follow=True))
    assert "1 task had ended" in page
    assert states() == {state: 1}


@pytest.mark.parametrize("choice", [{}, {"all": "1"}, {"id": "x"}, {"queue": "mail"}])
def test_only_ticked_ones_are_cancelled(kim: Client, choice: dict[str, Any]) -> None:
    wait(2)
    page = text_of(kim.post(CANCEL, {**choice, "confirmed": "yes"}, follow=True))
    assert "Nothing was cancelled" in page
    assert states() == {State.READY: 2}


def test_all_that_wait_and_match_are_cancelled_and_nothing_else(kim: Client) -> None:
    wait(3)
    wait(2, queue="charge")
    wait(1, State.RUNNING)
    wait(1, State.SCHEDULED)
    button = kim.get(TASKS, {"state": 1, "queue": "mail"}).context["cancel_all"]
    assert button["counted"] == "3"
    asked = kim.get(button["address"])
    assert "Cancel 3 tasks?" in text_of(asked)
    late = wait()[-1]
    assert states() == {State.SCHEDULED: 1, State.READY: 6, State.RUNNING: 1}
    page = text_of(confirm(kim, CANCEL, asked))
    assert "3 tasks cancelled" in page
    assert states() == {State.SCHEDULED: 1, State.READY: 3, State.RUNNING: 1, State.FAILED: 3}
    assert TaskRow.objects.filter(queue="mail", state=State.READY).count() == 1
    assert late.queue == "mail"


def test_many_are_cancelled_a_few_seconds_at_a_time(
    kim: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "SECONDS_A_REQUEST", 0)
    wait(2500)
    response = confirm(kim, CANCEL, kim.get(CANCEL, {"state": 1}))
    assert "1,000 of 2,500 tasks cancelled so far." in text_of(response)
    response = confirm(kim, CANCEL, response)
    assert "2,000 of 2,500 tasks cancelled so far." in text_of(response)
    assert "2,500 tasks cancelled" in text_of(confirm(kim, CANCEL, response))
    assert states() == {State.FAILED: 2500}


def test_a_backlog_that_takes_no_time_is_cancelled_in_one_request(
    kim: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "SECONDS_A_REQUEST", 600)
    wait(1500)
    page = text_of(confirm(kim, CANCEL, kim.get(CANCEL, {"state": 1})))
    assert "1,500 tasks cancelled" in page
    assert states() == {State.FAILED: 1500}


def test_several_that_have_all_ended_are_not_asked_about(kim: Client) -> None:
    ended = [fail(n).pk for n in range(2)]
    page = text_of(kim.post(CANCEL, {"id": ended}, follow=True))
    assert "These tasks have ended, or begun to run." in page
    assert states() == {State.FAILED: 2}


@pytest.mark.parametrize("state", [State.RUNNING, State.FAILED, State.DISCARDED])
def test_all_that_run_or_have_ended_cannot_be_cancelled_at_once(kim: Client, state: State) -> None:
    wait(3, State.RUNNING)
    TaskRow.objects.update(state=state)
    page = kim.post(CANCEL, {"state": state.value, "confirmed": "yes"}, follow=True)
    assert "Nothing was cancelled" in text_of(page)
    assert kim.get(TASKS, {"state": state.value}).context["cancel_all"] is None
    assert states() == {state: 3}


@pytest.mark.parametrize("name", ["text", "since", "reason", "exception", "kind"])
def test_a_filter_that_no_list_of_waiting_tasks_has_cancels_nothing(kim: Client, name: str) -> None:
    wait(2)
    page = kim.post(CANCEL, {"state": 1, name: "hour", "confirmed": "yes"}, follow=True)
    assert f"Nothing was cancelled: no list is narrowed by {name}." in text_of(page)
    assert states() == {State.READY: 2}


def test_a_task_is_found_by_its_name_and_by_its_id(kim: Client) -> None:
    rows = wait(2)
    TaskRow.objects.filter(pk=rows[0].pk).update(name="shop.other")
    found = kim.get(TASKS, {"state": 1, "name": "shop.other"}).context["rows"]
    assert [row.id for row, _, _ in found] == [rows[0].pk]
    by_id = kim.get(TASKS, {"name": f" {rows[1].pk} "})
    assert by_id["Location"] == f"{TASKS}{rows[1].pk}/change/"
    assert kim.get(FAILED, {"text": str(rows[1].pk)})["Location"].startswith(FAILED)


def test_a_count_by_time_says_when_it_may_be_more(
    kim: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait(3, State.SCHEDULED)
    QueueRow.objects.create(name="charge")
    monkeypatch.setattr(backlog, "MOST_COUNTED", 3)
    cells = {each.queue: each.cells()[0] for each in kim.get(TASKS).context["counts"]}
    assert cells["charge"]["counted"] == "0 or more"


def test_who_may_look_has_no_button(log_in: Log_in) -> None:
    [row] = wait()
    client = log_in("view_taskrow")
    assert CANCEL not in client.get(TASKS).content.decode()
    assert CANCEL not in client.get(f"{TASKS}{row.pk}/change/").content.decode()


def test_a_discarded_one_is_looked_at_and_no_more(kim: Client) -> None:
    row = fail("one")
    kim.post(f"{FAILED}discard/", {"id": row.pk, "confirmed": "yes"})
    response = kim.get(f"{TASKS}{row.pk}/change/")
    assert "It was given up by somebody" in text_of(response)
    assert response.context["buttons"] == []
