CREATE TABLE lab_event (
    id bigserial PRIMARY KEY, what text NOT NULL, token text NOT NULL, pid integer,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX ON lab_event (token);

-- A row that a task's body locks, as it locks an order.
CREATE TABLE lab_row (token text PRIMARY KEY);

-- Each writing of an order's step is counted, also one that writes what was there already: a
-- column's trigger fires for what the statement sets. A decline sets charged_at too, to nothing.
CREATE FUNCTION lab_order_written() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO lab_event (what, token) VALUES (TG_ARGV[0], NEW.id::text);
    RETURN NULL;
END $$;
CREATE TRIGGER lab_order_charged AFTER UPDATE OF charged_at ON purchases_order
    FOR EACH ROW WHEN (NEW.charged_at IS NOT NULL) EXECUTE FUNCTION lab_order_written('charged');
CREATE TRIGGER lab_order_packed AFTER UPDATE OF packed_at ON purchases_order
    FOR EACH ROW WHEN (NEW.packed_at IS NOT NULL) EXECUTE FUNCTION lab_order_written('packed');

-- What befell a task after its enqueuing: the evidence where a promise breaks.
CREATE TABLE lab_history (
    task uuid, name text, before smallint, after smallint, retries integer, crashes integer,
    reason text, worker text, was_unknown boolean,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE FUNCTION lab_task_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        INSERT INTO lab_history VALUES (OLD.id, OLD.name, OLD.state, NULL, OLD.retries,
            OLD.crashes, OLD.reason, OLD.worker, OLD.unknown_since IS NOT NULL);
    ELSIF NEW.state IS DISTINCT FROM OLD.state THEN
        INSERT INTO lab_history VALUES (NEW.id, NEW.name, OLD.state, NEW.state, NEW.retries,
            NEW.crashes, NEW.reason, NEW.worker, NEW.unknown_since IS NOT NULL);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER lab_task_changed AFTER UPDATE OR DELETE ON durable_tasks_task
    FOR EACH ROW EXECUTE FUNCTION lab_task_changed();

-- A deferred trigger runs within COMMIT: what happens in it happens to the COMMIT.
CREATE TABLE lab_on_commit (what text);
CREATE FUNCTION lab_in_commit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.what = 'die' THEN
        PERFORM pg_terminate_backend(pg_backend_pid()), pg_sleep(5);
    ELSIF NEW.what = 'fail' THEN
        RAISE EXCEPTION 'told to fail in COMMIT' USING ERRCODE = 'serialization_failure';
    ELSIF NEW.what = 'wait' THEN
        PERFORM pg_sleep(4);
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER lab_in_commit AFTER INSERT ON lab_on_commit
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION lab_in_commit();
