"""What is measured. Each function is one round of one side; rounds alternate."""

import random
import statistics
import time
from typing import Any
from uuid import uuid4

import psutil
from bench_shop.celery import durable, durable_task, stock_task
from bench_shop.models import Order
from django.db import connection, transaction

from benchmarks.durable_tasks import surroundings
from patterns.durable_tasks.models import TaskRow
from patterns.durable_tasks.relay import Relay

BATCH = 250  # of the relay that calls .delay(); ours has a window of the same size


def enqueuing(rounds: int, pause_seconds: float) -> dict[str, float]:
    """Return what `.delay()` adds to a transaction that inserts an order, in microseconds.

    A pause before each one is what a web process has between two requests: others have the
    processor and its caches meanwhile. Without it the longer of two Pythons is warm.
    """
    times: dict[str, list[float]] = {"none": [], "stock": [], "durable": []}
    enqueue: dict[str, Any] = {
        "none": str,
        "stock": stock_task.delay,
        "durable": durable_task.delay,
    }
    # Not in one order: whatever follows a `.delay()` runs with what that left in the caches.
    order = random.Random(1)  # noqa: S311  no secret
    for number in range(rounds):
        for kind, call in order.sample(list(enqueue.items()), len(enqueue)):
            time.sleep(pause_seconds)
            began = time.perf_counter()
            with transaction.atomic():
                Order.objects.create(reference=str(uuid4()))
                call(number)
            times[kind].append((time.perf_counter() - began) * 1e6)
    clear()
    medians = {kind: statistics.median(each) for kind, each in times.items()}
    return {kind: medians[kind] - medians["none"] for kind in ("stock", "durable")}


def relay_of_delays(count: int) -> float:
    """Return how many messages a second an outbox gets out that calls `.delay()` for each row."""
    durable_task.enqueue_many([((number,), {}) for number in range(count)])
    began = time.perf_counter()
    while True:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT id, arguments FROM durable_tasks_task WHERE state = 1"
                " ORDER BY due_at LIMIT %s FOR UPDATE SKIP LOCKED",
                [BATCH],
            )
            rows = cursor.fetchall()
            for _ in rows:
                stock_task.delay(1)
            cursor.execute(
                "DELETE FROM durable_tasks_task WHERE id = ANY(%s)", [[row[0] for row in rows]]
            )
        if not rows:
            break
    seconds = time.perf_counter() - began
    clear()
    return count / seconds


def relay_of_rows(count: int) -> float:
    """Return how many messages a second the relay gets out, while a worker would start them."""
    durable_task.enqueue_many([((number,), {}) for number in range(count)])
    relay, published, seconds = Relay(durable), 0, 0.0
    relay.turn()  # finds the queue, connects
    relay.upkeep.measure_at = float("inf")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE durable_tasks_task SET state = 3 WHERE state = 2")
        while published < count - BATCH:
            began = time.perf_counter()
            relay.turn_and_wait()
            seconds += time.perf_counter() - began
            # Not timed: what a worker does to them.
            cursor.execute("UPDATE durable_tasks_task SET state = 3 WHERE state = 2")
            published += cursor.rowcount
    relay.broker.close()
    relay.listener.close()
    clear()
    return published / seconds


def worker_rate(kind: str, count: int, processes: int) -> float:
    """Return how many no-op tasks a second a worker starts."""
    surroundings.forget_lines()
    _enqueue(kind, count)
    with surroundings.worker(kind, processes):
        surroundings.wait_until(lambda: len(surroundings.lines()) >= count, 120)
    times = sorted(each[1] for each in surroundings.lines())
    skipped = count // 10  # while its processes start
    clear()
    return (count - skipped) / ((times[-1] - times[skipped]) / 1e9)


def first_lines(count: int) -> dict[str, float]:
    """Return the median from commit to a task's first line, in milliseconds, on an idle system."""
    surroundings.forget_lines()
    committed: dict[int, int] = {}
    with surroundings.worker("stock", 2), surroundings.worker("durable", 2):
        for number in range(2 * count):
            _one(number, committed)
            time.sleep(0.05 + number % 7 / 100)  # no rhythm that a poll could fall in with
        surroundings.wait_until(lambda: len(surroundings.lines()) >= 2 * count)
    waits = {number: (at - committed[number]) / 1e6 for number, at in surroundings.lines()}
    clear()
    half = {kind: [waits[n] for n in waits if n % 2 == i] for i, kind in enumerate(KINDS)}
    # The first ones connect.
    return {kind: statistics.median(each[5:]) for kind, each in half.items()}


KINDS = ("stock", "durable")


def _one(number: int, committed: dict[int, int]) -> None:
    with transaction.atomic():
        Order.objects.create(reference=str(uuid4()))
        transaction.on_commit(lambda: committed.update({number: time.time_ns()}))
        if number % 2:
            durable_task.delay(number)
        else:
            transaction.on_commit(lambda: stock_task.delay(number))


def relay_memory(rows: int) -> float:
    """Return a relay's memory in MB after some windows of a backlog of so many rows."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO durable_tasks_task (id, name, queue, arguments, shown)"
            " SELECT gen_random_uuid(), 'bench.durable', 'durable', '[[1], {}]', '[\"\", \"\"]'"
            " FROM generate_series(1, %s)",
            [rows],
        )
        cursor.execute("VACUUM ANALYZE durable_tasks_task")
    with surroundings.relay() as relay:
        for _ in range(8):
            surroundings.wait_until(TaskRow.objects.filter(state=2).exists)
            TaskRow.objects.filter(state=2).delete()
        memory = psutil.Process(relay.pid).memory_info().rss
    clear()
    return float(memory / 1024 / 1024)


def clear() -> None:
    """Leave nothing for the next round."""
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE durable_tasks_task")
    with durable.connection_for_write() as broker, broker.channel() as channel:
        for kind in KINDS:
            channel.queue_declare(kind)
            channel.queue_purge(kind)


def _enqueue(kind: str, count: int) -> None:
    if kind == "durable":
        durable_task.enqueue_many([((number,), {}) for number in range(count)])
        return
    for number in range(count):
        stock_task.delay(number)
