"""What a caller may ask for, and what becomes of it in the row."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from celery import Task, chain, chord, group
from celery._state import _task_stack  # type: ignore[attr-defined]  # not in the stubs
from celery.exceptions import QueueNotFound
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from kombu import Exchange, Queue
from pydantic import BaseModel

from patterns.durable_tasks import refusals
from patterns.durable_tasks.app import DurableCelery
from patterns.durable_tasks.errors import ArgumentsRefused, NotKept
from patterns.durable_tasks.marks import RUN
from patterns.durable_tasks.models import TaskRow

# Celery's own, of a class attribute that it takes all the same.
pytestmark = pytest.mark.filterwarnings("ignore:\\s*The '.*' task attribute")

app = DurableCelery(
    "calls", task_cls="patterns.durable_tasks.task:DurableTask", set_as_current=False
)
# Refused at once, so that a test would see a message that is published.
app.conf.update(broker_url="redis://127.0.0.1:1/0", task_ignore_result=True)


@app.task(name="calls.add", shared=False)
def add(first: Any, second: Any = 0) -> Any:
    return first + second


@app.task(name="calls.other", shared=False)
def other(*each: Any, **named: Any) -> None:
    pass


def nothing() -> None:
    pass


@contextmanager
def routes(which: Any) -> Iterator[None]:
    app.conf.task_routes = which
    app.amqp.flush_routes()
    app.amqp.__dict__.pop("router", None)
    yield
    app.conf.task_routes = None
    app.amqp.flush_routes()
    app.amqp.__dict__.pop("router", None)


@contextmanager
def current(task: Any) -> Iterator[None]:
    """Let a task be the one whose body is running, as Celery's worker does."""
    _task_stack.push(task)
    try:
        yield
    finally:
        _task_stack.pop()


def row() -> TaskRow:
    return TaskRow.objects.get()


def options() -> dict[str, Any]:
    return dict(json.loads(row().options or "{}"))


def now() -> datetime:
    return timezone.now()


def test_delay_inserts_one_ready_row() -> None:
    result = add.delay(1, second=2)
    assert str(row().id) == result.id
    assert (row().name, row().queue, row().state) == ("calls.add", "celery", 1)
    assert json.loads(row().arguments) == [[1], {"second": 2}]


def test_ids_sort_by_time() -> None:
    ids = [add.delay(n).id for n in range(50)]
    times = [each[:13] for each in ids]
    assert times == sorted(times)


def test_wrong_arguments_are_refused_at_the_call() -> None:
    with pytest.raises(TypeError, match="missing 1 required"):
        add.delay()
    with pytest.raises(TypeError, match="args is a str"):
        add.apply_async("ab")
    with pytest.raises(TypeError, match="kwargs is a list"):
        add.apply_async((1,), ["ab"])
    assert not TaskRow.objects.exists()


def test_countdown_is_counted_by_the_databases_clock() -> None:
    add.apply_async((1,), countdown=60)
    assert row().state == 0
    assert row().due_at - row().enqueued_at == timedelta(seconds=60)


def test_countdown_wins_over_eta_as_in_celery() -> None:
    add.apply_async((1,), countdown=60, eta=now() + timedelta(days=3))
    assert row().due_at - row().enqueued_at == timedelta(seconds=60)


@pytest.mark.parametrize("countdown", [0, -5])
def test_a_countdown_that_is_over_is_ready(countdown: int) -> None:
    add.apply_async((1,), countdown=countdown)
    assert row().state == 1


def test_eta_is_the_due_time() -> None:
    eta = now() + timedelta(hours=1)
    add.apply_async((1,), eta=eta)
    assert (row().state, row().due_at) == (0, eta)


def test_eta_may_be_text() -> None:
    add.apply_async((1,), eta="2040-01-02T03:04:05+00:00")
    assert row().due_at == datetime(2040, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_a_naive_eta_is_in_celerys_timezone() -> None:
    app.conf.timezone = "Asia/Tokyo"
    try:
        add.apply_async((1,), eta=datetime(2040, 1, 2, 3))
    finally:
        app.conf.timezone = None
    assert row().due_at == datetime(2040, 1, 2, 3, tzinfo=ZoneInfo("Asia/Tokyo"))


def test_a_naive_eta_without_a_timezone_is_utc() -> None:
    add.apply_async((1,), eta=datetime(2040, 1, 2, 3))
    assert row().due_at == datetime(2040, 1, 2, 3, tzinfo=UTC)


def test_expires_counts_from_the_call() -> None:
    add.apply_async((1,), expires=90, countdown=60)
    expires_at = row().expires_at
    assert expires_at is not None
    assert expires_at - row().enqueued_at == timedelta(seconds=90)


def test_expires_may_be_a_point_in_time() -> None:
    add.apply_async((1,), expires=datetime(2040, 1, 1, tzinfo=UTC))
    assert row().expires_at == datetime(2040, 1, 1, tzinfo=UTC)


def test_a_tasks_own_expires_and_priority_hold_unless_the_call_says_otherwise() -> None:
    @app.task(name="calls.expiring", shared=False, expires=30, priority=7)
    def expiring() -> None:
        pass

    expiring.apply_async()
    expires_at = row().expires_at
    assert expires_at is not None
    assert (row().rank, expires_at - row().enqueued_at) == (7, timedelta(seconds=30))
    TaskRow.objects.all().delete()
    expiring.apply_async(expires=None, priority=0)
    assert (row().rank, row().expires_at) == (0, None)


@pytest.mark.parametrize(
    "asked",
    [
        {"countdown": "60"},
        {"countdown": True},
        {"countdown": float("nan")},
        {"countdown": float("inf")},
        {"countdown": 1e12},
        {"eta": 60},
        {"eta": "soon"},
        {"expires": "soon"},
        {"expires": float("nan")},
        {"priority": 100_000},
        {"priority": -1},
        {"priority": "high"},
        {"unique_key": ""},
        {"unique_key": 5},
        {"unique_key": "k" * 5000},
        {"unique_key": "a\x00b"},
        {"unique_key": "\ud800"},
        {"queue": "a\x00b"},
        {"time_limit": "60"},
        {"time_limit": 10, "soft_time_limit": 20},
    ],
)
def test_what_the_database_or_a_worker_would_choke_on_is_refused_and_aborts_nothing(
    asked: dict[str, Any],
) -> None:
    with transaction.atomic():
        with pytest.raises((TypeError, ValueError), match=r"calls\.add|priority"):
            add.apply_async((1,), **asked)
        add.delay(2)  # the transaction can still be used
    assert json.loads(row().arguments) == [[2], {}]


def test_a_name_that_cannot_be_stored_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot store"):
        app.send_task("calls.\x00")


@pytest.mark.parametrize(
    ("option", "value", "alternative"),
    [
        ("link_error", add.si(1), "a failed task is a row"),
        ("chord", add.s(), "enqueue the last step"),
        ("compression", "gzip", "store large data"),
        ("exchange", "topic", "name a queue"),
        ("routing_key", "a.b", "name a queue"),
        ("expiration", 5, "use expires"),
        ("serializer", "pickle", "pass an id"),
        ("stamped_headers", ["a"], "headers="),
        ("bogus", 1, "knows no option bogus"),
    ],
)
def test_what_is_not_kept_is_refused_with_the_alternative(
    option: str, value: Any, alternative: str
) -> None:
    with pytest.raises(NotKept, match=alternative):
        add.apply_async((1,), **{option: value})
    assert not TaskRow.objects.exists()


@pytest.mark.parametrize(
    ("attributes", "alternative"),
    [
        ({"rate_limit": "1/s"}, "one worker of concurrency 1"),
        ({"serializer": "pickle"}, "pass an id"),
        ({"compression": "gzip"}, "store large data"),
        ({"exchange": "e"}, "name a queue"),
        ({"routing_key": "r"}, "name a queue"),
        ({"time_limit": 10, "soft_time_limit": 20}, "is above time_limit"),
        ({"max_crashes": 0}, "max_crashes"),
    ],
)
def test_what_is_not_kept_is_refused_at_the_definition(
    attributes: dict[str, Any], alternative: str
) -> None:
    separate = DurableCelery("refusing", set_as_current=False)
    separate.task_cls = "patterns.durable_tasks.task:DurableTask"
    with pytest.raises((NotKept, ValueError), match=alternative):
        separate.task(name="calls.refused", shared=False, lazy=False, **attributes)(nothing)
    separate.task(name="calls.plain", shared=False, lazy=False, durable=False, **attributes)(
        nothing
    )


def test_a_default_rate_limit_of_the_app_is_refused_too() -> None:
    separate = DurableCelery("limiting", set_as_current=False)
    separate.task_cls = "patterns.durable_tasks.task:DurableTask"
    separate.conf.task_default_rate_limit = "10/m"
    with pytest.raises(NotKept, match="rate_limit"):
        separate.task(name="calls.limited", shared=False, lazy=False)(nothing)


def test_what_is_about_publishing_alone_is_taken_and_has_no_effect() -> None:
    add.apply_async((1,), retry=False, retry_policy={}, producer=None, delivery_mode=1)
    assert row().options == ""


def test_headers_limits_and_shadow_are_kept() -> None:
    add.apply_async((1,), headers={"trace": "x"}, time_limit=9, soft_time_limit=8, shadow="adding")
    kept = {"headers": {"trace": "x"}, "time_limit": 9, "soft_time_limit": 8, "shadow": "adding"}
    assert options() == kept


def test_a_base_says_what_each_message_of_its_tasks_carries() -> None:
    from patterns.durable_tasks.task import DurableTask

    class Carrying(DurableTask):
        abstract = True

        def message_headers(self) -> dict[str, str]:
            return {"request_id": "the base's", "trace": "x"}

    @app.task(name="calls.carrying", shared=False, base=Carrying)
    def carrying() -> None:
        pass

    carrying.delay()
    carrying.apply_async(headers={"request_id": "the caller's"})
    carrying.enqueue_many([((), {})])
    carried = [json.loads(each.options)["headers"] for each in TaskRow.objects.all()]
    assert {each["trace"] for each in carried} == {"x"}
    ids = sorted(each["request_id"] for each in carried)
    assert ids == ["the base's", "the base's", "the caller's"]


def test_a_tasks_own_shadow_name_is_asked() -> None:
    class Shadowed(Task):  # type: ignore[type-arg]
        def shadow_name(self, args: Any, kwargs: Any, options: Any) -> str:
            return f"shadow of {args[0]}"

    from patterns.durable_tasks.task import DurableTask

    base = type("Base", (Shadowed, DurableTask), {"abstract": True})

    @app.task(name="calls.shadowed", shared=False, base=base)
    def shadowed(first: Any) -> None:
        pass

    shadowed.delay(3)
    assert options()["shadow"] == "shadow of 3"


def test_pydantic_models_are_dumped_as_celery_does() -> None:
    class Order(BaseModel):
        number: int

    def take(order: Order) -> None:
        pass

    # A local class has no global name that the wrapper could look up.
    take.__annotations__ = {"order": Order, "return": None}
    task = app.task(name="calls.take", shared=False, pydantic=True)(take)
    task.delay(Order(number=3))
    assert json.loads(row().arguments) == [[{"number": 3}], {}]


def test_a_task_id_of_the_callers_is_kept() -> None:
    result = add.apply_async((1,), task_id="11111111-1111-4111-8111-111111111111")
    assert (result.id, str(row().id)) == (("11111111-1111-4111-8111-111111111111",) * 2)


def test_a_task_id_that_is_no_uuid_is_refused() -> None:
    with pytest.raises(NotKept, match="use unique_key"):
        add.apply_async((1,), task_id="nightly")


def test_routes_choose_queue_and_priority() -> None:
    with routes({"calls.add": {"queue": "sums", "priority": 3}}):
        add.delay(1)
        add.apply_async((2,), queue="quick", priority=1)
    rows = TaskRow.objects.order_by("id").values_list("queue", "rank")
    assert list(rows) == [("sums", 3), ("quick", 1)]


def test_a_router_sees_the_arguments() -> None:
    def by_argument(name: str, args: Any, kwargs: Any, options: Any, task: Any = None, **_: Any):  # type: ignore[no-untyped-def]
        return {"queue": f"shard{args[0]}"}

    with routes((by_argument,)):
        add.delay(4)
    assert row().queue == "shard4"


def test_a_route_to_an_exchange_is_refused() -> None:
    route = {"calls.add": {"exchange": "sums", "routing_key": "sums.small"}}
    with routes(route), pytest.raises(NotKept, match="goes to a queue by name"):
        add.delay(1)


def test_a_queue_object_is_named_and_a_strange_one_refused() -> None:
    add.apply_async((1,), queue=Queue("things", Exchange("things"), routing_key="things"))
    assert row().queue == "things"
    with pytest.raises(NotKept, match="another exchange"):
        add.apply_async((1,), queue=Queue("things", Exchange("elsewhere"), routing_key="else"))


def test_a_queue_that_nobody_declared_is_refused_where_celery_would() -> None:
    strict = DurableCelery("strict", set_as_current=False)
    strict.task_cls = "patterns.durable_tasks.task:DurableTask"
    strict.conf.update(task_create_missing_queues=False, task_queues=[Queue("celery")])
    task = strict.task(name="calls.strict", shared=False)(nothing)
    task.delay()
    with pytest.raises(QueueNotFound):
        task.apply_async(queue="typo")
    assert row().queue == "celery"


def test_a_task_that_another_enqueues_has_its_priority_where_celery_is_told_so() -> None:
    add.push_request(id="11111111-1111-4111-8111-111111111111", delivery_info={"priority": 6})
    app.conf.task_inherit_parent_priority = True
    try:
        with current(add):
            other.delay()
            other.apply_async(priority=3)
    finally:
        app.conf.task_inherit_parent_priority = False
        add.pop_request()
    assert list(TaskRow.objects.order_by("id").values_list("rank", flat=True)) == [6, 3]


def test_on_amqp_a_large_priority_goes_first() -> None:
    app.conf.broker_url = "amqp://127.0.0.1:1//"
    try:
        add.apply_async((1,), priority=9)
    finally:
        app.conf.broker_url = "redis://127.0.0.1:1/0"
    assert row().rank == -9


def test_a_chain_is_one_row_with_its_next_steps() -> None:
    result = chain(add.s(1), add.s(2), add.s(3)).apply_async()
    assert json.loads(row().arguments) == [[1], {}]
    steps = options()["chain"]
    assert [step["args"] for step in steps] == [[3], [2]]  # the last one first, as in Celery
    assert steps[0]["options"]["task_id"] == result.id


def test_a_group_is_a_row_for_each() -> None:
    results = group(add.s(n) for n in range(3)).apply_async()
    assert {str(each.id) for each in TaskRow.objects.all()} == {each.id for each in results}
    groups = {json.loads(each.options)["group_id"] for each in TaskRow.objects.all()}
    assert groups == {results.id}


def test_a_group_in_a_rolled_back_transaction_was_never_there() -> None:
    with transaction.atomic():
        group(add.s(n) for n in range(3)).apply_async()
        transaction.set_rollback(True)
    assert not TaskRow.objects.exists()


def test_a_signature_keeps_its_options_and_may_be_sent_twice() -> None:
    signature = add.s(1).set(countdown=60, queue="slow")
    signature.delay(2)
    signature.apply_async((3,))
    rows = TaskRow.objects.order_by("id")
    assert [json.loads(each.arguments)[0] for each in rows] == [[2, 1], [3, 1]]
    assert {(each.queue, each.state) for each in rows} == {("slow", 0)}


def test_a_link_is_kept() -> None:
    add.apply_async((1,), link=add.s(5))
    assert [each["args"] for each in options()["link"]] == [[5]]


def test_a_chord_is_refused_before_anything_is_enqueued() -> None:
    for canvas in (
        group(add.s(1), add.s(2)) | other.s(),
        add.s(1) | group(add.s(1), add.s(2)) | other.s(),
    ):
        with pytest.raises(NotKept, match="enqueue the last step"):
            canvas.apply_async()
    assert not TaskRow.objects.exists()


@pytest.mark.parametrize("bad", ["link_error", "compression"])
def test_a_later_step_is_refused_at_the_call_too(bad: str) -> None:
    later = add.s(2).set(**{bad: add.si(1) if bad == "link_error" else "gzip"})
    with pytest.raises(NotKept, match=bad):
        (add.s(1) | add.s(2) | later).apply_async()
    with pytest.raises(NotKept, match=bad):
        (add.s(1) | group(add.s(2), later)).apply_async()
    with pytest.raises(NotKept, match=bad):
        add.apply_async((1,), link=later)
    assert not TaskRow.objects.exists()


def test_a_chord_that_would_follow_is_refused_at_the_call_too() -> None:
    with pytest.raises(NotKept, match="A chain with a chord in it"):
        add.apply_async((1,), link=chord([add.si(1)], other.s()))
    assert not TaskRow.objects.exists()


def test_map_starmap_and_chunks_are_refused() -> None:
    for loop in (add.map, add.starmap, lambda it: add.chunks(it, 2)):
        with pytest.raises(NotKept, match="enqueue_many"):
            loop([(1, 2)])
    starmap = app.signature("celery.starmap", kwargs={"task": dict(add.s()), "it": [(1, 2)]})
    with pytest.raises(NotKept, match="enqueue_many"):
        starmap.apply_async()


def test_revoking_a_durable_task_names_how_to_cancel_it() -> None:
    result = add.delay(1)
    with pytest.raises(NotKept, match=r"cancel\.cancel\(\[id\]\)"):
        app.control.revoke(result.id)
    with pytest.raises(NotKept, match=result.id):
        app.control.revoke(["no uuid", result.id])


def test_a_rate_limit_of_a_durable_task_names_what_to_do_instead() -> None:
    with pytest.raises(NotKept, match=re.escape(f"calls.add: {refusals.RATE_LIMIT}")):
        app.control.rate_limit("calls.add", "10/m")


@pytest.mark.parametrize("name", ["replace", "add_to_chord"])
def test_a_run_cannot_be_replaced_or_join_a_chord(name: str) -> None:
    add.push_request(**{RUN: object()})
    try:
        with pytest.raises(NotKept, match="enqueue the other task instead"):
            getattr(add, name)(other.s())
    finally:
        add.pop_request()


@pytest.mark.parametrize(
    ("options", "sizes"),
    [
        ({"headers": {"trace": "x" * 33_000}}, r"\(headers 33,0"),
        ({"shadow": "x" * 33_000}, r"\(shadow 33,0"),
        ({"headers": {"a": "x" * 20_000}, "shadow": "é" * 3_000}, r"headers 20,0.*shadow 18,0"),
    ],
)
def test_headers_that_may_not_fit_a_brokers_frame_are_refused(
    options: dict[str, Any], sizes: str
) -> None:
    with pytest.raises(ArgumentsRefused, match=f"of calls.add are .* bytes.*{sizes}"):
        add.apply_async([1], **options)
    assert not TaskRow.objects.exists()


def test_headers_and_next_steps_that_do_not_travel_may_be_larger() -> None:
    add.apply_async([1], headers={"trace": "x" * 32_000}, link=other.si("x" * 40_000))
    assert TaskRow.objects.count() == 1


def test_options_that_are_no_json_are_refused() -> None:
    with pytest.raises(ArgumentsRefused, match=r"options of calls\.add are not JSON"):
        add.apply_async((1,), headers={"user": object()})


def test_a_chain_of_a_megabyte_is_refused() -> None:
    with pytest.raises(ArgumentsRefused, match="Let each step enqueue the next"):
        chain(add.s("x" * 50_000) for _ in range(20)).apply_async()


def test_a_task_that_this_process_does_not_know_is_a_row() -> None:
    result = app.send_task("elsewhere.run", (1,), {"a": 2}, queue="there", countdown=5)
    assert str(row().id) == result.id
    assert (row().name, row().queue, row().state) == ("elsewhere.run", "there", 0)


def test_send_task_of_a_known_task_takes_its_options() -> None:
    app.send_task("calls.add", (1,), priority=4)
    assert (row().name, row().rank) == ("calls.add", 4)
    with pytest.raises(TypeError):
        app.send_task("calls.add")


def test_enqueue_many_is_one_statement_a_thousand() -> None:
    with transaction.atomic(), CaptureQueriesContext(connection) as queries:
        ids = add.enqueue_many([((n,), {"second": 1}) for n in range(2500)], queue="bulk")
    assert len(queries) == 5  # two of them a savepoint's
    assert len(set(ids)) == TaskRow.objects.filter(queue="bulk").count() == 2500
    first = TaskRow.objects.get(id=ids[0])
    assert json.loads(first.arguments) == [[0], {"second": 1}]


def test_enqueue_many_is_all_or_none() -> None:
    calls: list[Any] = [((n,), {}) for n in range(1500)]
    with pytest.raises(ArgumentsRefused):
        add.enqueue_many([*calls, ((object(),), {})])
    assert not TaskRow.objects.exists()


def test_enqueue_many_of_nothing_is_nothing() -> None:
    assert add.enqueue_many([]) == []


def test_enqueue_many_gives_ids_of_its_own() -> None:
    with pytest.raises(NotKept, match="id of its own"):
        add.enqueue_many([((1,), {})], task_id="11111111-1111-4111-8111-111111111111")


def test_the_session_is_usable_after_a_refusal() -> None:
    with transaction.atomic():
        with pytest.raises(NotKept):
            add.apply_async((1,), link_error=add.s(1))
        assert connection.needs_rollback is False
