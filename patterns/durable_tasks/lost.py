"""Publish again what was published and lost: a message is a lease, and leases end.

A message vanishes without a trace: prefetched by a worker that was killed, popped into a dead
socket, gone with a broker. Only the broker can tell whether it still holds one.
"""

import logging
from collections.abc import Callable
from typing import Any

from django.db import connections

from . import configuration

logger = logging.getLogger(__name__)

# Every statement here passes over a row that another transaction holds: one that hangs, of somebody
# who cancels a task, must not hold up the others.
# Rows whose message is looked for belong to one relay so long; the broker answers in 3.
HELD_SECONDS = 10
# What was marked longer ago has been sent, or never will be.
SENT_SECONDS = 4
# Where other messages wait in the queue, its depth hides a loss for as long as they do. After so
# long, or as long as it had waited before it was sent, a message is sent again whatever the depth
# says. So twice as late each time: a queue that waits for months gets some ten copies of a message
# and not thousands, and what has a long way to its turn gets there. An old copy starts nothing.
HIDDEN_SECONDS = 600

# Callers who share a row by its unique key are no obstacle to what leaves the key as it is.
_HOLD = """
WITH fast AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true))
UPDATE durable_tasks_task SET leased_until = now()
    + make_interval(secs => least(%(held)s, %(lease)s)) FROM fast
WHERE fast.set_config IS NOT NULL AND id = ANY(ARRAY(
    SELECT id FROM durable_tasks_task WHERE queue = %(queue)s AND state = 2
        AND leased_until <= now() ORDER BY leased_until LIMIT %(window)s
        FOR NO KEY UPDATE SKIP LOCKED))
RETURNING id, publication, now() + make_interval(secs => %(lease)s)
"""
# How many were taken: those that are published, but for what was marked since, less those that the
# broker has. Which: first those that were overtaken, for of one rank what was published later is
# taken later (also where a backlog of plain tasks hides the depth); then the oldest. A window that
# was lost whole is overtaken by nothing, for nothing is published until it is half empty: so what
# the depth may hide is not waited for without end.
_AGAIN = """
WITH fast AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true)),
taken AS MATERIALIZED (
    SELECT rank, max(left(publication::text, 18)) AS marked_at FROM durable_tasks_task
    WHERE state = 3 AND queue = %(queue)s GROUP BY rank
), all_of AS MATERIALIZED (
    SELECT count(*) AS published, count(*) FILTER (WHERE leased_until <= %(marked_by)s) AS marked
    FROM durable_tasks_task WHERE queue = %(queue)s AND state = 2
), found AS (
    SELECT t.id, t.publication, t.rank, left(t.publication::text, 18) AS marked_at, t.due_at,
        coalesce(left(t.publication::text, 18) < taken.marked_at, false) AS is_overtaken,
        ('x' || replace(left(t.publication::text, 18), '-', ''))::bit(64)::bigint
            / 1000000.0::float8 AS sent_epoch, extract(epoch FROM t.due_at)::float8 AS due_epoch
    FROM durable_tasks_task t
    JOIN unnest(%(ids)s::uuid[], %(publications)s::uuid[]) AS h (id, publication)
        ON t.id = h.id AND t.publication = h.publication
    LEFT JOIN taken ON taken.rank = t.rank
    WHERE t.state = 2
), held AS (
    SELECT found.*, is_overtaken OR all_of.published < %(depth)s
        AND extract(epoch FROM now())::float8 - sent_epoch
            >= greatest(%(hidden)s, sent_epoch - due_epoch) AS is_likely
    FROM found CROSS JOIN all_of
), again AS (
    SELECT id, publication FROM held ORDER BY is_likely DESC, rank, marked_at, due_at
    LIMIT (SELECT greatest(0, marked - %(depth)s, (SELECT count(*) FROM held WHERE is_likely))
        FROM all_of)
)
UPDATE durable_tasks_task SET state = 1, publication = NULL, leased_until = NULL
FROM fast WHERE fast.set_config IS NOT NULL AND id = ANY(ARRAY(
    SELECT t.id FROM again JOIN durable_tasks_task t
        ON t.id = again.id AND t.publication = again.publication
    WHERE t.state = 2 FOR NO KEY UPDATE OF t SKIP LOCKED))
"""
_EXTEND = """
UPDATE durable_tasks_task SET leased_until = now() + make_interval(secs => %(lease)s)
WHERE id = ANY(ARRAY(
    SELECT t.id FROM unnest(%(ids)s::uuid[], %(publications)s::uuid[]) AS h (id, publication)
    JOIN durable_tasks_task t ON t.id = h.id AND t.publication = h.publication
    WHERE t.state = 2 FOR NO KEY UPDATE OF t SKIP LOCKED))
"""
_END_ALL = """
UPDATE durable_tasks_task SET leased_until = now() WHERE id = ANY(ARRAY(
    SELECT id FROM durable_tasks_task
    WHERE state = 2 AND leased_until < now() + make_interval(secs => %s)
    FOR NO KEY UPDATE SKIP LOCKED))
"""


def publish_again(queue: str, depth: Callable[[], int]) -> int:
    """Let be ready again what was taken from the broker and started nothing; return how many.

    `depth()` counts the queue's messages at the broker, and is asked outside of any transaction.
    What is still there is waited for: a queue without a worker would else be filled with copies.
    Crash, or a broker that is away: another relay looks for them in seconds.
    """
    lease = configuration.publication_lease_seconds()
    with connections[configuration.database()].cursor() as cursor:
        window = configuration.window()
        cursor.execute(
            _HOLD, {"queue": queue, "held": HELD_SECONDS, "lease": lease, "window": window}
        )
        held = cursor.fetchall()
        if not held:
            return 0
        values: dict[str, Any] = {
            "queue": queue,
            "lease": lease,
            "ids": [row[0] for row in held],
            "publications": [row[1] for row in held],
            "marked_by": held[0][2],
            "depth": depth(),
            "hidden": HIDDEN_SECONDS,
        }
        cursor.execute(_AGAIN, values)
        count = int(cursor.rowcount)
        cursor.execute(_EXTEND, values)
    if count:
        logger.warning("%s: %d messages were lost, and are published again.", queue, count)
    return count


def look_for_all() -> None:
    """Let every published message be looked for now: the broker was away, or the relay was."""
    with connections[configuration.database()].cursor() as cursor:
        lease = configuration.publication_lease_seconds()
        cursor.execute(_END_ALL, [max(0.0, lease - SENT_SECONDS)])
