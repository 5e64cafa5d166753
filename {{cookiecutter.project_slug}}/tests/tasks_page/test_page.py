"""The page says how things are, to whoever may see tasks; who may pause holds a queue."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from accounts.models import User
from config.on_call import NAME as ON_CALL
from config.queues import SHOP
from patterns.durable_tasks.models import QueueRow, State, TaskRow
from patterns.failure_check.models import Alarm, Heartbeat, Run, Sample

pytestmark = pytest.mark.django_db

PAGE, SWITCH = "/tasks/", "/tasks/queues/"


def member(email: str, *codenames: str, is_staff: bool = True) -> Client:
    user = User.objects.create_user(email, is_staff=is_staff)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def kim(client: Client) -> Client:
    user = User.objects.create_user("kim@example.com", is_staff=True)
    user.groups.add(Group.objects.get(name=ON_CALL))
    client.force_login(user)
    return client


def watched(minutes_ago: float = 0) -> None:
    at = timezone.now() - timedelta(minutes=minutes_ago)
    Run.objects.update_or_create(defaults={"at": at, "by": "beat", "watched_since": at})


def alarm(name: str = "failed", severity: str = "critical") -> None:
    Alarm.objects.create(
        name=name,
        source="a check",
        severity=severity,
        sentence="<b>3 tasks</b> have failed.",
        remedy="Look at them.",
        raised_at=timezone.now(),
        told=[],
        owed=[],
    )


def text(html: bytes) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html.decode()))


def test_a_visitor_is_sent_to_the_login_page_and_back(client: Client) -> None:
    answer = client.get(PAGE)
    assert answer.status_code == 302
    assert answer["Location"] == f"{reverse('accounts:login')}?next={PAGE}"


@pytest.mark.parametrize(
    ("codenames", "is_staff"),
    [((), True), (("view_taskrow",), False), (("view_failedtask",), True)],
)
def test_who_may_not_see_tasks_sees_none(codenames: tuple[str, ...], is_staff: bool) -> None:
    client = member("pat@example.com", *codenames, is_staff=is_staff)
    assert client.get(PAGE).status_code == 403
    assert client.post(SWITCH, {"pause": "mail"}).status_code == 403
    assert not QueueRow.objects.filter(is_paused=True).exists()


def test_who_may_only_look_has_no_switch() -> None:
    client = member("pat@example.com", "view_taskrow")
    page = client.get(PAGE).content.decode()
    assert "Queues" in page
    assert 'name="pause"' not in page
    assert "Failed tasks" not in text(client.get(PAGE).content)
    assert client.post(SWITCH, {"pause": "mail"}).status_code == 403
    assert not QueueRow.objects.filter(is_paused=True).exists()


def test_all_is_clear_where_somebody_looks_and_finds_nothing(kim: Client) -> None:
    watched()
    assert "All clear!" in text(kim.get(PAGE).content)


@pytest.mark.parametrize("minutes_ago", [None, 10])
def test_where_nobody_looks_the_page_does_not_say_that_all_is_clear(
    kim: Client, minutes_ago: float | None
) -> None:
    if minutes_ago is not None:
        watched(minutes_ago)
    page = text(kim.get(PAGE).content)
    assert "All clear!" not in page
    assert "Nobody looks" in page


def test_an_alarm_is_shown_with_its_remedy_and_runs_no_script(kim: Client) -> None:
    watched()
    alarm()
    page = kim.get(PAGE).content
    assert b"&lt;b&gt;3 tasks&lt;/b&gt;" in page
    assert "1 problem" in text(page)
    assert "Look at them." in text(page)


def test_an_alarm_that_is_gone_and_still_to_be_told_is_no_problem(kim: Client) -> None:
    watched()
    alarm()
    Alarm.objects.update(cleared_at=timezone.now())
    assert "All clear!" in text(kim.get(PAGE).content)


def row(state: State, *, minutes_ago: float = 0, queue: str = "mail") -> None:
    at = timezone.now() - timedelta(minutes=minutes_ago)
    TaskRow.objects.create(name="a.task", queue=queue, state=state, due_at=at, arguments="[[], {}]")


def line_of(queue: str, html: bytes) -> str:
    found = re.search(rf'<tr data-part="queue-{queue}">(.*?)</tr>', html.decode(), re.DOTALL)
    assert found, f"no line of {queue}"
    return text(found[1].encode())


def test_a_queue_shows_what_waits_how_long_what_runs_and_what_failed(kim: Client) -> None:
    for state in (State.READY, State.READY, State.RUNNING, State.FAILED):
        row(state, minutes_ago=12)
    row(State.SCHEDULED, minutes_ago=-60)
    cells = line_of("mail", kim.get(PAGE).content).split()
    assert cells[:8] == ["mail", "2", "12", "min,", "late", "1", "1", "1"]


def test_every_declared_queue_has_a_line_and_one_that_nobody_declares_any_more(kim: Client) -> None:
    row(State.READY, queue="gone")
    page = kim.get(PAGE).content
    for queue in [*SHOP.by_name, "gone"]:
        line_of(queue, page)
    assert b'value="gone"' not in page


def test_of_another_apps_queue_no_number_is_made_up(kim: Client) -> None:  # analytics
    page = line_of("analytics", kim.get(PAGE).content)  # analytics
    assert re.match(r" ?analytics( \S){4} ", page)  # analytics
    assert "its broker has it" in page  # analytics


def test_a_queue_names_its_worker_and_says_where_it_is_silent(kim: Client) -> None:
    assert "none" in line_of("mail", kim.get(PAGE).content)
    beating = Heartbeat.objects.create(name="worker mail@here", host="here", pid=1, queues=["mail"])
    assert "mail@here" in line_of("mail", kim.get(PAGE).content)
    assert "silent" not in line_of("mail", kim.get(PAGE).content)
    Heartbeat.objects.filter(pk=beating.pk).update(at=timezone.now() - timedelta(minutes=5))
    watched(minutes_ago=10)
    assert "silent for 5 min" in line_of("mail", kim.get(PAGE).content)


def test_beat_and_relay_are_listed(kim: Client) -> None:
    Heartbeat.objects.create(name="beat", host="here", pid=17, queues=[])
    page = text(kim.get(PAGE).content)
    assert re.search(r"Beat and relay beat since .{5,20} UTC lives", page)


def test_a_pause_and_a_resume_each_done_twice(kim: Client) -> None:
    for _ in range(2):
        page = kim.post(SWITCH, {"pause": "mail"}, follow=True).content
        assert "is paused" in text(page)
        assert QueueRow.objects.get(name="mail").is_paused
        assert "paused" in line_of("mail", page)
    for _ in range(2):
        page = kim.post(SWITCH, {"resume": "mail"}, follow=True).content
        assert not QueueRow.objects.get(name="mail").is_paused
        assert "paused" not in line_of("mail", page)


@pytest.mark.parametrize("sent", [{}, {"pause": "none"}, {"pause": "\0"}, {"x": "mail"}])
def test_what_is_no_queue_changes_nothing(kim: Client, sent: dict[str, str]) -> None:
    page = kim.post(SWITCH, sent, follow=True).content
    assert "Nothing was changed" in text(page)
    assert not QueueRow.objects.filter(is_paused=True).exists()


def test_a_switch_wants_a_post_with_its_token(kim: Client) -> None:
    assert kim.get(SWITCH).status_code == 405
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(User.objects.get(email="kim@example.com"))
    assert strict.post(SWITCH, {"pause": "mail"}).status_code == 403
    assert not QueueRow.objects.filter(is_paused=True).exists()


def test_the_last_hours_are_a_line_with_its_peak(kim: Client) -> None:
    now = timezone.now()
    for minutes, value in ((1, 5), (20, 240), (25, 3), (700, 9999)):
        sample = Sample.objects.create(name="waiting:mail", value=value)
        Sample.objects.filter(pk=sample.pk).update(at=now - timedelta(minutes=minutes))
    page = kim.get(PAGE).content
    assert "most: 240" in line_of("mail", page)
    assert page.count(b"<polyline") == 2  # what was not measured is a gap


def test_the_next_beats_are_listed_the_soonest_first(kim: Client) -> None:
    PeriodicTask.objects.all().delete()
    for name, hours in (("later", 5), ("sooner", 2)):
        every, _ = IntervalSchedule.objects.get_or_create(every=hours, period="hours")
        PeriodicTask.objects.create(
            name=name, task="x", interval=every, last_run_at=timezone.now() - timedelta(hours=1)
        )
    PeriodicTask.objects.create(name="off", task="x", interval=every, enabled=False)
    page = text(kim.get(PAGE).content)
    assert page.index("sooner") < page.index("later")
    assert "off" not in page[page.index("Next beats") : page.index("Beat and relay")].split()


def test_what_is_asked_of_the_database_does_not_grow_with_what_waits(kim: Client) -> None:
    def asked() -> int:
        with CaptureQueriesContext(connection) as queries:
            kim.get(PAGE)
        return len(queries)

    kim.get(PAGE)
    before = asked()
    for _ in range(30):
        row(State.READY)
        row(State.FAILED)
    assert asked() == before
    assert before < 20
