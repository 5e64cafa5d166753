"""What runs for each task, as functions: their statements are planned once a session.

Planning took four times as long as running them. A plan that is kept must hold when a burst comes
to a table that was empty: a function's own settings leave it the indexes, and nothing else.
Parameters have names that no column has.
"""

from django.db import migrations

BY_INDEX = """
    SET plan_cache_mode = force_generic_plan
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off
    SET enable_hashjoin = off SET enable_mergejoin = off
"""
# A relay's: a lock on a table is waited for so long, then said (see locks.py), and tried again.
OF_RELAY = f"{BY_INDEX} SET lock_timeout = '3s'"
# Returns the id, or NULL where nothing was inserted: the queue is full, or the key or id is taken.
# A commit that notifies takes a lock which all of them share, so it is done where a relay sleeps.
ENQUEUE = """
CREATE FUNCTION durable_tasks_enqueue(
    new_id uuid, new_name text, new_queue text, new_max_crashes int,
    new_arguments text, new_shown text,
    new_options text, new_unique_key text,
    new_rank int, new_retries int,
    new_delay_seconds float8, new_due_at timestamptz,
    new_expires_seconds float8, new_expires_at timestamptz, new_origin text
) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    found record;
    inserted uuid;
    due timestamptz := coalesce(new_due_at, statement_timestamp()
        + make_interval(secs => greatest(coalesce(new_delay_seconds, 0), 0)));
BEGIN
    SELECT is_full, is_listened INTO found FROM durable_tasks_queue WHERE name = new_queue;
    IF found.is_full THEN
        RETURN NULL;
    END IF;
    INSERT INTO durable_tasks_task (id, name, queue, rank, max_crashes, retries, arguments, shown,
        options, unique_key, enqueued_at, state, due_at, expires_at,
        origin)
    VALUES (new_id, new_name, new_queue, new_rank, new_max_crashes, new_retries, new_arguments,
        new_shown, new_options, new_unique_key, statement_timestamp(),
        CASE WHEN due > statement_timestamp() THEN 0 ELSE 1 END, due,
        coalesce(new_expires_at, statement_timestamp() + make_interval(secs => new_expires_seconds)),
        new_origin)
    ON CONFLICT DO NOTHING
    RETURNING id INTO inserted;
    IF found.is_listened AND inserted IS NOT NULL THEN
        PERFORM pg_notify('durable_tasks', new_queue);  -- where to look first
    END IF;
    RETURN inserted;
END $$;
"""
# Callers share the row that stands for them until they commit: it is not claimed before, and may be
# published. Where a key is used all the time there would always be one, so a worker that wants the
# row closes a gate before it. New callers wait there for half a second: longer than most transactions
# take, and shorter than it takes PostgreSQL to look for a deadlock. Nobody keeps the gate's lock: the
# inner block is undone, and the lock with it, of which a transaction with many keys had thousands.
GATE = 1685418355  # "dur" and a number: of two keys, for one could be the project's own
STANDS_FOR = f"""
CREATE FUNCTION durable_tasks_stands_for(of_key text)
RETURNS uuid LANGUAGE plpgsql {BY_INDEX} AS $$
DECLARE
    its_id uuid;
BEGIN
    BEGIN
        PERFORM set_config('lock_timeout', '500ms', true);
        PERFORM pg_advisory_xact_lock_shared({GATE}, hashtext(of_key));
        RAISE EXCEPTION 'the gate is open' USING ERRCODE = 'DT001';
    EXCEPTION WHEN lock_not_available OR SQLSTATE 'DT001' THEN
        NULL;
    END;
    SELECT t.id INTO its_id FROM durable_tasks_task t WHERE t.unique_key = of_key FOR KEY SHARE;
    RETURN its_id;
END $$;
"""  # noqa: S608  constants
MAY_START = """t.state = 2 AND (t.expires_at IS NULL OR t.expires_at > now())
            AND NOT EXISTS (SELECT FROM durable_tasks_queue q WHERE q.name = t.queue AND q.is_paused)"""
# Not waited for by fsync, see claim.py. Paused, expired, cancelled, taken: nothing starts, and
# what it returns is NULL. One that has claimed already and asks again has started: a pause or an
# expiry that came in between does not take the row from it.
TAKE = f"""UPDATE durable_tasks_task t SET state = 3, claim = new_claim, worker = by_worker,
        process = by_process, started_at = now(), unique_key = NULL, unknown_since = NULL,
        leased_until = now() + make_interval(secs => lease_seconds)
    WHERE t.id = task_id AND t.publication = of_message
        AND (t.state = 3 AND t.claim = new_claim OR {MAY_START})"""  # noqa: S608  constants
TAKEN = """RETURNING t.name, t.queue, t.arguments, t.options, t.retries, t.crashes
    INTO its_name, its_queue, its_arguments, its_options, its_retries, its_crashes"""
# Most rows have no key, and one statement takes them. Callers with a key are waited for by looking:
# a lock's timeout counts anew for each of them. Locked for update, so that a caller who looks at
# this moment finds the key gone, and not the row as it was.
CLAIM = f"""
CREATE FUNCTION durable_tasks_claim(
    task_id uuid, of_message uuid, new_claim uuid, by_worker text, by_process text,
    lease_seconds float8,
    OUT its_name text, OUT its_queue text, OUT its_arguments text, OUT its_options text,
    OUT its_retries int, OUT its_crashes int
) LANGUAGE plpgsql {BY_INDEX} SET lock_timeout = '2s' AS $$
DECLARE
    its_key text;
    give_up_at timestamptz := clock_timestamp() + interval '2 seconds';
BEGIN
    {TAKE} AND t.unique_key IS NULL {TAKEN};
    IF NOT FOUND THEN
        SELECT t.unique_key INTO its_key FROM durable_tasks_task t
        WHERE t.id = task_id AND t.publication = of_message AND {MAY_START};
        IF its_key IS NULL THEN
            RETURN;
        END IF;
        PERFORM pg_advisory_xact_lock({GATE}, hashtext(its_key));
        LOOP
            PERFORM FROM durable_tasks_task t WHERE t.id = task_id FOR UPDATE SKIP LOCKED;
            EXIT WHEN FOUND OR NOT EXISTS (
                SELECT FROM durable_tasks_task t WHERE t.id = task_id AND t.state = 2);
            IF clock_timestamp() > give_up_at THEN
                RAISE EXCEPTION 'a transaction holds the task by its unique key'
                USING ERRCODE = 'lock_not_available';
            END IF;
            PERFORM pg_sleep(0.01);
        END LOOP;
        {TAKE} {TAKEN};
    END IF;
    IF its_name IS NOT NULL THEN
        PERFORM set_config('synchronous_commit', 'off', true);
    END IF;
END $$;
"""  # noqa: S608  constants
# The queue's row is locked until the commit: one relay marks a queue at a time, and a pause waits
# for it. Counted in a statement after that: in the one that takes the lock it is of the time
# before, and two relays would each fill the window.
# The token's first half is the time of the mark: it tells what was published later (see lost.py).
MARK = f"""
CREATE FUNCTION durable_tasks_mark(of_queue text, window_rows int, lease_seconds float8)
RETURNS TABLE (its_id uuid, its_publication uuid, its_name text, its_rank int, its_shown text,
    its_options text, its_retries int, its_due_at float8)
LANGUAGE plpgsql {OF_RELAY} AS $$
DECLARE
    published int;
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    PERFORM FROM durable_tasks_queue q WHERE q.name = of_queue AND NOT q.is_paused
    FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    SELECT count(*) INTO published FROM durable_tasks_task t
    WHERE t.queue = of_queue AND t.state = 2;
    IF 2 * published > window_rows THEN
        RETURN;
    END IF;
    RETURN QUERY UPDATE durable_tasks_task t SET state = 2,
        publication = (lpad(to_hex((extract(epoch FROM now()) * 1000000)::bigint), 16, '0')
            || right(replace(gen_random_uuid()::text, '-', ''), 16))::uuid,
        leased_until = clock_timestamp() + make_interval(secs => lease_seconds)
    WHERE t.id = ANY(ARRAY(
        SELECT c.id FROM durable_tasks_task c WHERE c.queue = of_queue AND c.state = 1
        ORDER BY c.rank, c.due_at LIMIT window_rows - published
        FOR NO KEY UPDATE SKIP LOCKED))
    RETURNING t.id, t.publication, t.name, t.rank::int, t.shown, t.options, t.retries,
        extract(epoch FROM t.due_at)::float8;
END $$;
"""  # noqa: S608  constants
# A count of at most a window's rows a queue, and one step into an index.
WAITING = f"""
CREATE FUNCTION durable_tasks_waiting()
RETURNS TABLE (its_queue text, published bigint, ended bigint, has_ready boolean)
LANGUAGE plpgsql STABLE {OF_RELAY} AS $$
BEGIN
    RETURN QUERY SELECT q.name, p.published, p.ended, (
        SELECT t.state FROM durable_tasks_task t WHERE t.queue = q.name AND t.state = 1
        ORDER BY t.rank, t.due_at LIMIT 1) IS NOT NULL
    FROM durable_tasks_queue q CROSS JOIN LATERAL (
        SELECT count(*) AS published, count(*) FILTER (WHERE t.leased_until <= now()) AS ended
        FROM durable_tasks_task t WHERE t.queue = q.name AND t.state = 2) AS p
    WHERE NOT q.is_paused ORDER BY q.name;
END $$;
"""  # noqa: S608  constants
# False: the row is another's by now. What had failed leaves its history behind, and the rest nothing.
COMPLETE = f"""
CREATE FUNCTION durable_tasks_complete(of_task uuid, of_claim uuid)
RETURNS boolean LANGUAGE plpgsql {BY_INDEX} AS $$
DECLARE
    ended record;
BEGIN
    DELETE FROM durable_tasks_task t
    WHERE t.id = of_task AND t.claim = of_claim AND t.state = 3
    RETURNING t.name, t.worker, t.failures, t.crashes + t.retries AS again INTO ended;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    IF ended.failures > 0 THEN
        INSERT INTO durable_tasks_event (task_id, name, kind, at_worker)
        VALUES (of_task, ended.name, 'succeeded', ended.worker);
    ELSIF ended.again > 0 THEN
        DELETE FROM durable_tasks_event e WHERE e.task_id = of_task;
    END IF;
    RETURN true;
END $$;
"""  # noqa: S608  constants
# Asks commits to notify where no task waits already: what comes behind them need not wake anybody.
# Returns whether this is new to any queue. An EXISTS could be planned as one pass over all rows; the
# first in the index's order is one step. A queue's row that somebody's open transaction holds is
# left out: the others are not to wait.
ASK = f"""
CREATE FUNCTION durable_tasks_ask()
RETURNS boolean LANGUAGE plpgsql {OF_RELAY} AS $$
BEGIN
    UPDATE durable_tasks_queue SET is_listened = NOT is_listened WHERE name = ANY(ARRAY(
        SELECT q.name FROM durable_tasks_queue q
        WHERE q.is_listened = ((SELECT t.state FROM durable_tasks_task t WHERE t.queue = q.name
            AND t.state = 1 ORDER BY t.rank, t.due_at LIMIT 1) IS NOT NULL)
        FOR UPDATE OF q SKIP LOCKED));
    RETURN FOUND;
END $$;
"""  # noqa: S608  constants


class Migration(migrations.Migration):
    """Add the functions."""

    dependencies = [("durable_tasks", "0003_record")]

    operations = [
        migrations.RunSQL(ENQUEUE, "DROP FUNCTION durable_tasks_enqueue"),
        migrations.RunSQL(STANDS_FOR, "DROP FUNCTION durable_tasks_stands_for"),
        migrations.RunSQL(CLAIM, "DROP FUNCTION durable_tasks_claim"),
        migrations.RunSQL(MARK, "DROP FUNCTION durable_tasks_mark"),
        migrations.RunSQL(WAITING, "DROP FUNCTION durable_tasks_waiting"),
        migrations.RunSQL(COMPLETE, "DROP FUNCTION durable_tasks_complete"),
        migrations.RunSQL(ASK, "DROP FUNCTION durable_tasks_ask"),
    ]
