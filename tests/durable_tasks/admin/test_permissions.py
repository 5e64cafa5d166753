"""Each permission opens what it names and nothing else: pages, buttons, crafted requests."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from patterns.durable_tasks.models import State, TaskRow
from tests.durable_tasks.admin.conftest import FAILED, HISTORY, TASKS, Log_in
from tests.durable_tasks.failures import fail, states

VIEW, REPLAY, DISCARD = "view_failedtask", "replay_failedtask", "discard_failedtask"
VIEW_TASKS, CANCEL, SEE = "view_taskrow", "cancel_taskrow", "see_arguments"
ROLES: dict[str, tuple[str, ...]] = {
    "nothing": (),
    "looks": (VIEW,),
    "replays": (VIEW, REPLAY),
    "discards": (VIEW, DISCARD),
    "sees arguments": (VIEW, SEE),
    "acts blindly": (REPLAY, DISCARD, CANCEL, SEE),
    "looks at tasks": (VIEW_TASKS,),
    "cancels": (VIEW_TASKS, CANCEL),
    "sees tasks' arguments": (VIEW_TASKS, SEE),
}
each_role = pytest.mark.parametrize("role", ROLES)


def waiting() -> TaskRow:
    row = fail("secret")
    TaskRow.objects.filter(pk=row.pk).update(state=State.READY, failed_at=None, failures=0)
    return row


@each_role
def test_pages(log_in: Log_in, role: str) -> None:
    client, failed, ready = log_in(*ROLES[role]), fail("one"), waiting()
    may_view, may_view_tasks = VIEW in ROLES[role], VIEW_TASKS in ROLES[role]
    for address, is_open in (
        (FAILED, may_view),
        (f"{FAILED}{failed.pk}/change/", may_view),
        (HISTORY, may_view),
        (f"{FAILED}replay/?all=1", may_view and REPLAY in ROLES[role]),
        (f"{FAILED}discard/?all=1", may_view and DISCARD in ROLES[role]),
        (TASKS, may_view_tasks),
        (f"{TASKS}{ready.pk}/change/", may_view_tasks),
        (f"{TASKS}cancel/?id={ready.pk}", may_view_tasks and CANCEL in ROLES[role]),
    ):
        assert client.get(address).status_code == (200 if is_open else 403), address


@each_role
@pytest.mark.parametrize(
    ("action", "permission", "state"),
    [("replay", REPLAY, State.READY), ("discard", DISCARD, State.DISCARDED)],
)
def test_crafted_requests_on_failed_tasks(
    log_in: Log_in, role: str, action: str, permission: str, state: State
) -> None:
    client, row = log_in(*ROLES[role]), fail("one")
    is_allowed = {VIEW, permission} <= set(ROLES[role])
    for choice in ({"id": row.pk}, {"all": "1"}, {"queue": "default"}):
        TaskRow.objects.update(state=State.FAILED)
        response = client.post(f"{FAILED}{action}/", {**choice, "confirmed": "yes"})
        assert response.status_code == (302 if is_allowed else 403)
        assert states() == {state if is_allowed else State.FAILED: 1}


@each_role
def test_crafted_requests_on_tasks(log_in: Log_in, role: str) -> None:
    client, row = log_in(*ROLES[role]), waiting()
    is_allowed = {VIEW_TASKS, CANCEL} <= set(ROLES[role])
    response = client.post(f"{TASKS}cancel/", {"id": row.pk, "confirmed": "yes"})
    assert response.status_code == (302 if is_allowed else 403)
    assert states() == {State.FAILED if is_allowed else State.READY: 1}


@each_role
@pytest.mark.parametrize(
    "asked", ["0", "1", "2", "3", "4", "5", "9", "-1", "x", "", "\u00b9", "03", "01"]
)
def test_crafted_requests_for_all_tasks_in_a_state(log_in: Log_in, role: str, asked: str) -> None:
    client = log_in(*ROLES[role])
    for state in State:
        row = fail("one")
        TaskRow.objects.filter(pk=row.pk).update(state=state)
    is_allowed = {VIEW_TASKS, CANCEL} <= set(ROLES[role])
    response = client.post(f"{TASKS}cancel/", {"state": asked, "confirmed": "yes"})
    assert response.status_code == (302 if is_allowed else 403)
    before = {state.value: 1 for state in State}
    if not is_allowed or asked not in ("0", "1", "2"):
        assert states() == before
        return
    assert states() == {
        state: 2 if state == State.FAILED else 1 for state in State if state != int(asked)
    }


@pytest.mark.parametrize("state", [State.RUNNING, State.FAILED, State.DISCARDED])
def test_a_state_that_is_asked_for_twice_is_the_last_one_and_reaches_no_other(
    log_in: Log_in, state: State
) -> None:
    client = log_in(VIEW_TASKS, CANCEL)
    for each in (State.READY, state):
        TaskRow.objects.filter(pk=fail("one").pk).update(state=each)
    for asked in (["1", str(state.value)], [str(state.value), "1"]):
        client.post(f"{TASKS}cancel/", {"state": asked, "confirmed": "yes"})
        assert TaskRow.objects.filter(state=state).exists()


def test_who_sees_tasks_and_arguments_sees_no_failed_task_and_changes_nothing(
    log_in: Log_in,
) -> None:
    client, failed, ready = log_in(VIEW_TASKS, SEE), fail("secret one"), waiting()
    assert "hunter2" not in (page := client.get(TASKS)).content.decode()
    assert page.status_code == 200
    assert "Exact arguments" in client.get(f"{TASKS}{ready.pk}/change/").content.decode()
    # Each page of a failed one leads to where this account may not look.
    for address in (f"{TASKS}{failed.pk}/change/", f"{FAILED}{failed.pk}/change/"):
        answer = client.get(address, follow=True)
        assert answer.status_code == 403
        assert "secret one" not in answer.content.decode()
    for address in (f"{FAILED}replay/", f"{FAILED}discard/", f"{TASKS}cancel/"):
        assert client.post(address, {"id": ready.pk, "confirmed": "yes"}).status_code == 403
    assert states() == {State.READY: 1, State.FAILED: 1}


@each_role
def test_buttons(log_in: Log_in, role: str) -> None:
    client, failed = log_in(*ROLES[role]), fail("one")
    if VIEW not in ROLES[role]:
        return
    for address in (FAILED, f"{FAILED}{failed.pk}/change/"):
        page = client.get(address).content.decode()
        for action, permission in (("replay", REPLAY), ("discard", DISCARD)):
            assert (f"{FAILED}{action}/" in page) == (permission in ROLES[role]), address
        may_act = {REPLAY, DISCARD} & set(ROLES[role])
        assert ("a permission which your account does not have" in page) == (not may_act)


@each_role
def test_exact_arguments(log_in: Log_in, role: str) -> None:
    client = log_in(*ROLES[role])
    rows = [fail("x", arguments='[["hunter2"], {}]', shown='["(***,)", "{}"]'), waiting()]
    rows.append(fail("x", arguments="", message=b"hunter2", options='{"message": "hunter2"}'))
    TaskRow.objects.filter(pk=rows[1].pk).update(arguments='[["hunter2"], {}]')
    for row, page in zip(rows, (FAILED, TASKS, FAILED), strict=True):
        response = client.get(f"{page}{row.pk}/change/")
        may_see = response.status_code == 200 and SEE in ROLES[role]
        assert ("hunter2" in response.content.decode()) == may_see
        fetched = str(vars(response.context["row"])) if response.status_code == 200 else ""
        assert ("hunter2" in fetched) == may_see, "it was fetched for who may not see it"
    for page in (FAILED, TASKS, f"{FAILED}replay/?all=1"):
        assert "hunter2" not in client.get(page).content.decode()


@pytest.mark.parametrize(
    "fields", [{"is_staff": False}, {"is_active": False}, {"is_staff": False, "is_superuser": True}]
)
def test_who_is_not_active_staff_is_sent_to_log_in(log_in: Log_in, fields: Any) -> None:
    client, row = log_in(VIEW, REPLAY, DISCARD, SEE, **fields), fail("one")
    for address in (FAILED, f"{FAILED}{row.pk}/change/", TASKS, HISTORY):
        assert client.get(address).status_code == 302
    client.post(f"{FAILED}replay/", {"id": row.pk})
    assert states() == {State.FAILED: 1}


def test_a_stranger_is_sent_to_log_in() -> None:
    row = fail("one")
    for address in (FAILED, f"{FAILED}replay/", f"{FAILED}{row.pk}/change/", f"{TASKS}cancel/"):
        assert "/admin/login/" in Client().post(address, {"id": row.pk})["Location"]
    assert states() == {State.FAILED: 1}


def test_a_superuser_may_do_all(log_in: Log_in) -> None:
    client, row = log_in(is_superuser=True), fail("one")
    assert b"Exact arguments" in client.get(f"{FAILED}{row.pk}/change/").content
    client.post(f"{FAILED}replay/", {"id": row.pk})
    assert states() == {State.READY: 1}


@pytest.mark.parametrize("address", [f"{FAILED}replay/", f"{FAILED}discard/", f"{TASKS}cancel/"])
def test_a_request_from_another_site_is_refused(kim: Client, address: str) -> None:
    row = fail("one")
    other = Client(enforce_csrf_checks=True)
    other.force_login(User.objects.get(username="kim"))
    choice = {"id": row.pk, "confirmed": "yes"}
    assert other.post(address, choice).status_code == 403
    assert other.post(address, {**choice, "csrfmiddlewaretoken": "x" * 32}).status_code == 403
    assert states() == {State.FAILED: 1}


@pytest.mark.parametrize("method", ["get", "head", "options", "put", "delete", "patch"])
def test_nothing_but_a_post_acts(kim: Client, method: str) -> None:
    row = fail("one")
    for address in (f"{FAILED}replay/", f"{FAILED}discard/"):
        getattr(kim, method)(f"{address}?id={row.pk}&confirmed=yes")
    assert states() == {State.FAILED: 1}


@pytest.mark.parametrize("page", [FAILED, TASKS, HISTORY])
def test_nothing_is_added_edited_or_deleted(log_in: Log_in, page: str) -> None:
    client, row = log_in(is_superuser=True), fail("one")
    for address in (f"{page}add/", f"{page}{row.pk}/delete/"):
        assert client.get(address).status_code in (403, 404)
        assert client.post(address, {"post": "yes", "name": "x"}).status_code in (403, 404)
    client.post(f"{page}{row.pk}/change/", {"name": "shop.other", "_save": "Save"})
    client.post(page, {"action": "delete_selected", "_selected_action": row.pk, "post": "yes"})
    assert TaskRow.objects.get().name == "shop.write_note"
