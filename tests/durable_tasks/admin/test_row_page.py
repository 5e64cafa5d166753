"""The page of one task: why it failed, with what, where, when; whatever its row holds."""

import json
import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from patterns.durable_tasks.models import Event, State, TaskRow
from tests.durable_tasks.admin.conftest import FAILED, HISTORY, TASKS, text_of
from tests.durable_tasks.failures import fail

SCRIPT = "<script>alert(1)</script>"
PICTURE = "<img src=x onerror=alert(1)>"


def page_of(client: Client, row: Any) -> Any:
    return client.get(f"{FAILED}{row.pk}/change/", follow=True)


def test_it_says_all_that_is_known(kim: Client) -> None:
    row = fail(
        *("pat", 17),
        **{"queue": "mail", "retries": 5, "crashes": 1, "origin": "web-1:77", "failures": 3},
        **{"reason": "retries", "error": "OSError: away", "unique_key": "welcome-17"},
        started_at="2026-01-02T03:04:05Z",
        first_failed_at="2026-01-02T03:04:05Z",
        traceback='Traceback (most recent call last):\n  File "a.py", line 1\nOSError: away\n',
    )
    page = text_of(page_of(kim, row))
    for words in (
        *("shop.write_note", "It was tried again as often as it may be", "OSError: away"),
        *(
            "('pat', 17)",
            "Queue mail",
            "Attempts 7 (5 retries, 1 crash)",
            "3 times",
            "1 of at most",
        ),
        *("First failed", ":04:05", "web-1:77", "welcome-17", str(row.pk)),
        *('File "a.py", line 1', "History"),
    ):
        assert words in page


def test_what_happened_is_in_order_with_who_and_where(kim: Client) -> None:
    row = fail("one")
    TaskRow.objects.filter(pk=row.pk).update(state=State.RUNNING, worker="mail@host-2")
    TaskRow.objects.filter(pk=row.pk).update(retries=9, error="OSError: away", worker="")
    TaskRow.objects.filter(pk=row.pk).update(state=State.READY)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE durable_tasks_task SET state = 4, failed_at = clock_timestamp() WHERE id = %s",
            [row.pk],
        )
    kim.post(f"{FAILED}replay/", {"id": row.pk})
    events = page_of(kim, row).context["events"]
    assert [each["kind"] for each in events] == ["failed", "retried", "failed", "replayed"]
    assert events[1]["who"] == "mail@host-2"
    assert events[1]["note"] == "OSError: away"
    assert events[3]["who"].startswith("kim (#")


def test_one_that_succeeded_has_its_history(kim: Client) -> None:
    row = fail("one")
    TaskRow.objects.all().delete()
    Event.objects.create(task_id=row.pk, name="shop.write_note", kind="succeeded")
    assert "It has succeeded, and has left the failed tasks." in text_of(page_of(kim, row))


# The same in each process of a parallel run.
UNKNOWN = "72e6c6e1-0014-459b-b15a-963ad26b4dc0"


@pytest.mark.parametrize("id", [UNKNOWN, "x", "1", "' OR 1=1 --", "\x00", "add/x"])
@pytest.mark.parametrize("page", [FAILED, TASKS])
def test_what_never_was_is_not_found(kim: Client, page: str, id: str) -> None:
    assert kim.get(f"{page}{id}/change/", follow=True).status_code == 404


def test_a_failed_task_and_any_other_have_one_page_each(kim: Client) -> None:
    row = fail("one")
    assert kim.get(f"{TASKS}{row.pk}/change/")["Location"] == f"{FAILED}{row.pk}/change/"
    TaskRow.objects.update(state=State.RUNNING, worker="w@h")
    response = page_of(kim, row)
    assert response.redirect_chain[-1][0] == f"{TASKS}{row.pk}/change/"
    assert "It runs now." in text_of(response)


@pytest.mark.parametrize("hostile", [SCRIPT, PICTURE, '"><script>', "{{ 7*7 }}{% now 'Y' %}"])
def test_script_is_shown_and_never_run(kim: Client, hostile: str) -> None:
    row = fail(
        *(hostile, {"secret": hostile}),
        **{"name": hostile, "queue": hostile, "error": f"{hostile}: {hostile}", "reason": hostile},
        **{"traceback": f'  File "{hostile}", line 1\n{hostile}', "worker": hostile},
        **{"origin": hostile, "options": hostile, "message": hostile.encode()},
        **{"unique_key": hostile, "process": hostile},
    )
    kim.post(f"{FAILED}discard/", {"id": row.pk})
    for address in (
        *(FAILED, f"{FAILED}{row.pk}/change/", f"{FAILED}replay/?all=1", HISTORY),
        *(f"{FAILED}discard/?id={row.pk}", f"{FAILED}?name={SCRIPT}&text={PICTURE}&queue={SCRIPT}"),
    ):
        page = kim.get(address).content.decode()
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert '"><script' not in page
    TaskRow.objects.update(state=State.RUNNING)
    for address in (TASKS, f"{TASKS}{row.pk}/change/", f"{TASKS}cancel/?id={row.pk}"):
        page = kim.get(address).content.decode()
        assert "<script>alert" not in page
        assert "<img src=x" not in page


@pytest.mark.parametrize("address", [FAILED, TASKS, HISTORY, "row", f"{FAILED}replay/?all=1"])
def test_a_strict_policy_for_content_breaks_nothing(kim: Client, address: str) -> None:
    row = fail("one", traceback="Traceback (most recent call last):\nValueError: x")
    page = kim.get(f"{FAILED}{row.pk}/change/" if address == "row" else address).content.decode()
    main = page[page.index("<main") : page.index("</main>")]
    assert not re.search(r"\sstyle=|\son\w+=|javascript:|<style", page)
    assert "<script" not in main
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", page))


def test_a_row_of_megabytes_makes_a_page_that_can_be_read(kim: Client) -> None:
    row = fail(
        "x",
        error="ValueError: " + "e" * 1_000_000,
        traceback="t" * 1_000_000 + "\nValueError: the end",
        arguments=json.dumps([["a" * 1_000_000], {}]),
        shown=json.dumps(["s" * 1_000_000, "{}"]),
        options="o" * 1_000_000,
        message=b"m" * 1_000_000,
    )
    response = page_of(kim, row)
    assert len(response.content) < 500_000
    page = text_of(response)
    assert "ValueError: the end" in page
    assert "Its first 936,020 characters are left out." in page
    assert "Exact arguments (1,000,010 bytes)" in page
    for address in (FAILED, f"{FAILED}replay/?all=1", f"{FAILED}discard/?all=1"):
        assert len(kim.get(address).content) < 60_000


@pytest.mark.parametrize(
    "arguments",
    [
        *(
            '[["\\ud800\\u0000\\u202e"], {}]',
            "[[NaN, Infinity], {}]",
            "[[1" + "0" * 5000 + "], {}]",
        ),
        *("{", "[]", "null", '"x"', "[" * 10_000, "\x1b[31mred"),
        '[[{"__type__": "datetime", "__value__": "x"}], {}]',
    ],
)
def test_any_arguments_are_shown(kim: Client, arguments: str) -> None:
    row = fail("x", arguments=arguments, shown=arguments)
    page = page_of(kim, row)
    assert page.status_code == 200
    assert "\x1b" not in page.content.decode()
    assert kim.get(FAILED).status_code == 200


def test_bytes_of_a_message_are_shown_as_text_where_they_are_text(kim: Client) -> None:
    row = fail("x", name="", arguments="", reason="malformed", message=b'{"id": 1}\xff\x00<b>')
    page = page_of(kim, row).content.decode()
    assert "{&quot;id&quot;: 1}\\xff\\x00&lt;b&gt;" in page


def test_what_turns_the_direction_of_text_is_seen(kim: Client) -> None:
    row = fail("x", error="OSError: \u202egnp.exe\u2066 \u200b.")
    assert "\\u202egnp.exe\\u2066 \\u200b." in text_of(page_of(kim, row))


def test_libraries_stand_back_in_a_traceback(kim: Client) -> None:
    row = fail(
        "x",
        traceback='Traceback (most recent call last):\n  File "/x/site-packages/a.py", line 1, in a'
        '\n    a()\n  File "/shop/b.py", line 2, in b\n    b()\nValueError: x\n',
    )
    parts = page_of(kim, row).context["traceback"]
    assert [part.kind for part in parts] == ["heading", "foreign", "own", "error"]


def test_one_that_ends_while_its_page_is_made_is_shown_as_it_was(
    kim: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = fail("pat")
    monkeypatch.setattr("patterns.durable_tasks.admin.listing.ask", lambda *_: [])
    page = page_of(kim, row)
    assert (page.status_code, page.context["subject"]) == (200, "")
