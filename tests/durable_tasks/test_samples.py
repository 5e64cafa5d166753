"""Every task of a project is run twice; what does something again, or has no sample, fails."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any

import httpx
import pytest
from django.core.mail import EmailMessage
from django.db import connection, transaction
from durable_shop.models import Note

from patterns.durable_tasks import fingerprints
from patterns.durable_tasks.app import DurableCelery
from patterns.durable_tasks.every_task import Case, cases, registered
from patterns.durable_tasks.samples import Exempt, Sample
from tests.durable_tasks.conftest import notes
from tests.durable_tasks.sampled import (
    WHERE,
    OutsideServer,
    defined,
    get_or_create,
    new_app,
    of,
    refused,
    run,
)
from tests.servers import DEADLINE_SECONDS

HARMLESS = "nobody reads it twice"

Define = Callable[..., Any]
# Celery's own, of a class attribute that it takes all the same.
pytestmark = pytest.mark.filterwarnings("ignore:\\s*The '.*' task attribute")


@pytest.fixture
def app() -> DurableCelery:
    return new_app("sampled")


@pytest.fixture
def define(app: DurableCelery) -> Define:
    """Return a function that makes a task of a body."""
    return partial(defined, app)


def test_a_task_whose_second_run_finds_its_work_done_passes(
    app: DurableCelery, define: Define
) -> None:
    define(get_or_create)
    run(app)
    assert notes() == ["one"]


def test_a_counter_that_is_incremented_again_fails(app: DurableCelery, define: Define) -> None:
    def count(key: int) -> None:
        note = Note.objects.get(pk=key)
        note.text = str(int(note.text) + 1)
        note.save()

    define(count)
    note = Note.objects.create(text="0")
    with refused(
        "sampled.it breaks rule 4",
        "durable_shop_note (1 rows, then 1)",
        '"text":"1"',
        '"text":"2"',
        WHERE,
    ):
        run(app, of(note.pk))


def test_of_a_long_row_the_part_that_changed_is_shown(app: DurableCelery, define: Define) -> None:
    numbers = iter("012")

    def append() -> None:
        Note.objects.update(text="x" * 500 + next(numbers))

    define(append)
    Note.objects.create(text="")
    with refused('xx0"}', 'xx1"}'):
        run(app)


def test_a_row_that_is_created_again_fails(app: DurableCelery, define: Define) -> None:
    define(lambda: Note.objects.create(text="twice") and None)
    with refused("durable_shop_note (1 rows, then 2)"):
        run(app)


def test_a_table_that_is_made_again_fails(app: DurableCelery, define: Define) -> None:
    numbers = iter("12")

    def make() -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE TABLE sampled_{next(numbers)} ()")

    define(make)
    try:
        with refused("sampled_2 (a table that was made)"):
            run(app)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE sampled_1, sampled_2")


def test_of_a_large_table_a_change_is_seen_and_no_rows_are_shown(
    app: DurableCelery, define: Define, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are not fetched: a test's process would hold them all."""
    monkeypatch.setattr(fingerprints, "ROWS_KEPT", 1)
    numbers = iter("12")
    define(lambda: Note.objects.filter(text__startswith="x").update(text="x" + next(numbers)))
    Note.objects.bulk_create([Note(text="x"), Note(text="another")])
    with pytest.raises(AssertionError) as failure:
        run(app)
    assert "durable_shop_note (2 rows, then 2):" in str(failure.value)
    assert "another" not in str(failure.value)
    assert '"x2"' not in str(failure.value)


def test_a_time_that_the_database_writes_anew_fails(app: DurableCelery, define: Define) -> None:
    def stamp() -> None:
        with connection.cursor() as cursor:
            cursor.execute("UPDATE durable_shop_note SET text = now()::text")

    define(stamp)
    Note.objects.create(text="never")
    with refused("durable_shop_note"):
        run(app)


def test_a_task_that_is_enqueued_again_fails(app: DurableCelery, define: Define) -> None:
    following = app.task(name="sampled.next", shared=False)(get_or_create)
    define(lambda: following.delay("next") and None)
    [it, _] = cases([app], {"sampled.it": of()}, where=WHERE)
    with refused("durable_tasks_task"):
        it.run()


def test_a_plain_task_that_is_published_again_fails_also_where_its_broker_was_connected_before(
    app: DurableCelery, define: Define
) -> None:
    app.conf.update(broker_url="memory://")
    plain = app.task(name="sampled.plain", shared=False, durable=False)(get_or_create)
    define(lambda: plain.delay("next") and None)
    it = cases([app], {"sampled.it": of()}, where=WHERE)[0]
    with refused("contacted the outside: the broker, by a message of sampled.plain"):
        it.run()


def test_a_mail_that_is_sent_again_fails(app: DurableCelery, define: Define) -> None:
    define(lambda: EmailMessage("Hello", to=["pat@example.com"]).send() and None)
    with refused("contacted the outside: a mail to ['pat@example.com']: 'Hello'"):
        run(app)


def test_an_address_that_is_connected_to_again_fails_and_the_line_is_named(
    app: DurableCelery, define: Define, far_side: OutsideServer
) -> None:
    def contact() -> None:
        socket.create_connection(far_side.server_address[:2]).close()

    define(contact, atomic=False)
    with refused(f"a connection to {far_side.address} ({__file__}:"):
        run(app)


def test_a_connection_that_the_first_run_kept_does_not_hide_what_the_second_sends(
    app: DurableCelery, define: Define, far_side: OutsideServer
) -> None:
    with httpx.Client() as client:
        define(lambda: client.get(f"http://{far_side.address}/") and None, atomic=False)
        with refused(f"a connection to {far_side.address}"):
            run(app)
    assert far_side.asked["/"] == 2


NOWHERE = ("127.0.0.1", 9)


@pytest.mark.parametrize(
    "send",
    [
        lambda sender: sender.sendto(b"hello", NOWHERE),
        lambda sender: sender.sendmsg([b"hello"], [], 0, NOWHERE),
    ],
    ids=["sendto", "sendmsg"],
)
def test_what_is_sent_without_a_connection_again_fails(
    app: DurableCelery, define: Define, send: Callable[[socket.socket], int]
) -> None:
    def body() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            send(sender)

    define(body, atomic=False)
    with refused("a connection to 127.0.0.1:9"):
        run(app)


@pytest.mark.parametrize(
    "start",
    [
        lambda: subprocess.run(["true"], check=True),
        lambda: os.system("true"),
        lambda: os.waitpid(os.posix_spawnp("true", ["true"], os.environ), 0),
    ],
    ids=["subprocess", "system", "posix_spawn"],
)
def test_a_program_that_is_run_again_fails(
    app: DurableCelery, define: Define, start: Callable[[], object]
) -> None:
    define(lambda: start() and None, atomic=False)
    with refused("contacted the outside: the program", "true"):
        run(app)


def test_what_a_thread_of_the_task_contacts_again_fails(
    app: DurableCelery, define: Define, far_side: OutsideServer
) -> None:
    def contact() -> None:
        address = far_side.server_address[:2]
        thread = Thread(target=lambda: socket.create_connection(address).close())
        thread.start()
        thread.join()

    define(contact, atomic=False)
    with refused(f"a connection to {far_side.address}"):
        run(app)


def test_what_a_thread_contacts_that_was_there_before_is_not_the_tasks(
    app: DurableCelery, define: Define, far_side: OutsideServer
) -> None:
    asked: SimpleQueue[bool] = SimpleQueue()
    answered: SimpleQueue[None] = SimpleQueue()

    def look() -> None:
        while asked.get():
            socket.create_connection(far_side.server_address[:2]).close()
            answered.put(None)

    def write_once() -> None:
        Note.objects.get_or_create(text="written")
        asked.put(True)
        answered.get(timeout=DEADLINE_SECONDS)

    thread = Thread(target=look)
    thread.start()
    try:
        define(write_once)
        run(app)
    finally:
        asked.put(False)
        thread.join()


def test_what_a_task_contacts_when_its_transaction_has_committed_is_seen(
    app: DurableCelery, define: Define, far_side: OutsideServer
) -> None:
    def contact() -> None:
        address = far_side.server_address[:2]
        transaction.on_commit(lambda: socket.create_connection(address).close())

    define(contact)
    with refused(f"a connection to {far_side.address}"):
        run(app)


def test_a_contact_may_be_allowed_and_what_the_far_side_holds_is_compared_all_the_same(
    app: DurableCelery, define: Define, far_side: OutsideServer
) -> None:
    define(lambda: httpx.get(f"http://{far_side.address}/") and None, atomic=False)
    run(app, of(contacts_again="the far side knows the key"))
    held: Any = lambda: dict(far_side.asked)  # noqa: E731  short
    with refused("the far side: {'/': 3}, then {'/': 4}"):
        run(app, of(contacts_again="the far side knows the key", far_side=held))


def test_servers_of_the_projects_own_are_no_outside(
    app: DurableCelery, define: Define, far_side: OutsideServer
) -> None:
    def read_cache() -> None:
        socket.create_connection(far_side.server_address[:2]).close()
        get_or_create()

    define(read_cache, atomic=False)
    run(app, own_servers=[far_side.address])


def test_a_table_may_be_allowed_to_change_and_no_other(app: DurableCelery, define: Define) -> None:
    define(lambda: Note.objects.create(text="log") and None)
    run(app, of(changes_again={"durable_shop_note": "a log of all runs"}))
    with refused("durable_shop_note"):
        run(app, of(changes_again={"durable_tasks_event": "a log of all runs"}))


def test_what_may_be_enqueued_again_is_what_the_first_run_enqueued_and_nothing_else(
    app: DurableCelery, define: Define
) -> None:
    following = app.task(name="sampled.next", shared=False)(get_or_create)
    texts = iter(["same", "same", "first", "second"])
    define(lambda: following.delay(next(texts)) and None)
    sample = of(enqueues_again="each finds its work done")
    [it, _] = cases([app], {"sampled.it": sample}, where=WHERE)
    it.run()
    with refused("durable_tasks_task"):
        it.run()


def test_a_second_run_that_raises_fails(app: DurableCelery, define: Define) -> None:
    def insert() -> None:
        assert not Note.objects.exists(), "it is there"
        get_or_create()

    define(insert)
    with refused("sampled.it breaks rule 4", "ended in AssertionError: it is there"):
        run(app)


def test_a_sample_that_fails_in_its_first_run_fails_with_that(
    app: DurableCelery, define: Define
) -> None:
    define(lambda: Note.objects.get(pk=0) and None)
    with pytest.raises(Note.DoesNotExist):
        run(app)


def test_a_sample_whose_first_run_does_nothing_shows_nothing_and_fails(
    app: DurableCelery, define: Define
) -> None:
    define(lambda: Note.objects.all().delete() and None)
    with refused("sampled.it: the first run of its sample changed no row", WHERE):
        run(app)


@pytest.fixture
def _told_where(outside: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What listens to plain tasks in this process, and what writes down that it was told."""
    monkeypatch.setenv("DURABLE_TEST_OUTSIDE", str(outside))


@pytest.mark.usefixtures("_told_where")
def test_a_plain_task_whose_second_run_finds_its_work_done_passes(
    app: DurableCelery, define: Define
) -> None:
    define(get_or_create, durable=False)
    run(app)
    assert notes() == ["one"]


@pytest.mark.usefixtures("_told_where")
def test_a_plain_task_that_does_it_again_fails(app: DurableCelery, define: Define) -> None:
    define(lambda: Note.objects.create(text="plain") and None, durable=False)
    with refused("sampled.it breaks rule 4", "durable_shop_note (1 rows, then 2)"):
        run(app)


def test_a_task_without_a_sample_fails_with_the_lines_to_add(
    app: DurableCelery, define: Define
) -> None:
    define(lambda order_id, cents=0: None)
    [case] = cases([app], {}, where=WHERE)
    with refused(
        f"In {WHERE} add",
        'def for_it() -> dict[str, Any]:\n    return {"order_id": ..., "cents": ...}',
        '    "sampled.it": Sample(arguments=for_it),',
        '    "sampled.it": Exempt("why it does no harm"),',
    ):
        case.run()


def test_an_empty_list_of_samples_is_none(app: DurableCelery, define: Define) -> None:
    define(get_or_create)
    [case] = cases([app], {"sampled.it": []}, where=WHERE)
    with refused("sampled.it has no sample"):
        case.run()


def test_a_sample_or_an_exemption_of_no_task_fails(app: DurableCelery) -> None:
    for left_over in (of(), Exempt(HARMLESS)):
        [case] = cases([app], {"sampled.gone": left_over}, where=WHERE)
        with refused(f"SAMPLES in {WHERE} names 'sampled.gone', and no task is called so"):
            case.run()


def test_an_exempted_task_is_no_case(app: DurableCelery, define: Define) -> None:
    define(get_or_create)
    assert cases([app], {"sampled.it": Exempt(HARMLESS)}, where=WHERE) == []


@pytest.mark.parametrize("reason", ["", "  ", "TODO", "not idempotent"])
def test_an_exemption_without_a_reason_is_refused(reason: str) -> None:
    with pytest.raises(ValueError, match="say why a second run does no harm"):
        Exempt(reason)
    with pytest.raises(ValueError, match="changes_again"):
        of(changes_again={"a_table": reason})


@pytest.mark.parametrize("name", ["contacts_again", "enqueues_again"])
def test_what_is_allowed_without_a_reason_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        of(**{name: "TODO"})


def test_celerys_own_tasks_need_no_sample_and_a_task_of_that_name_does(
    app: DurableCelery,
) -> None:
    assert registered([app]) == {}
    app.task(name="celery.of_the_project", shared=False)(get_or_create)
    assert list(registered([app])) == ["celery.of_the_project"]


LATE = """
from celery._state import _get_active_apps

[app] = [each for each in _get_active_apps() if each.main == "late"]


@app.task(name="other.late", shared=False)
def late():
    pass
"""


def test_the_tasks_of_all_apps_are_found_also_in_modules_that_nobody_has_imported_yet(
    app: DurableCelery, define: Define, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    define(get_or_create)
    late = new_app("late")
    late.conf.imports = ["late_tasks"]
    (tmp_path / "late_tasks.py").write_text(LATE)
    monkeypatch.syspath_prepend(tmp_path)
    assert list(registered([app, late])) == ["other.late", "sampled.it"]
    del sys.modules["late_tasks"]


def test_a_task_may_have_several_samples_and_each_is_a_case(
    app: DurableCelery, define: Define
) -> None:
    define(get_or_create)
    found = cases([app], {"sampled.it": [of("one"), of("two")]}, where=WHERE)
    assert list(map(str, found)) == ["sampled.it", "sampled.it-2"]
    for case in found:
        case.run()
    assert notes() == ["one", "two"]


def test_a_sample_is_given_the_fixtures_that_it_names(app: DurableCelery, define: Define) -> None:
    define(get_or_create)
    asked: list[str] = []

    def fixture(name: str) -> str:
        asked.append(name)
        return f"a {name}"

    sample = Sample(arguments=lambda order: {"text": order}, far_side=lambda provider: provider)
    case = only(cases([app], {"sampled.it": sample}, where=WHERE))
    case.run(fixture)
    assert (notes(), set(asked)) == (["a order"], {"order", "provider"})
    with pytest.raises(TypeError, match="asks for order"):
        case.run()


def only(found: list[Case]) -> Case:
    [case] = found
    return case


def test_a_tests_own_transaction_is_refused_with_the_remedy(
    app: DurableCelery, define: Define
) -> None:
    define(get_or_create)
    with transaction.atomic(), refused("django_db(transaction=True)"):
        run(app)
