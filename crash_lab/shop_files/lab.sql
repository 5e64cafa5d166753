CREATE TABLE lab_event (
    id bigserial PRIMARY KEY, what text NOT NULL, token text NOT NULL, pid integer,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX ON lab_event (token);

-- A row that a task's body locks, as it locks an order.
CREATE TABLE lab_row (token text PRIMARY KEY);

-- Each change of an order is counted, also one that writes what was there already.
CREATE FUNCTION lab_order_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.charged_at IS DISTINCT FROM OLD.charged_at THEN
        INSERT INTO lab_event (what, token) VALUES ('charged', NEW.id::text);
    END IF;
    IF NEW.packed_at IS DISTINCT FROM OLD.packed_at THEN
        INSERT INTO lab_event (what, token) VALUES ('packed', NEW.id::text);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER lab_order_changed AFTER UPDATE ON purchases_order
    FOR EACH ROW EXECUTE FUNCTION lab_order_changed();

-- What befell a task after its enqueuing: the evidence where a promise breaks.
CREATE TABLE lab_history (
    task uuid, name text, before smallint, after smallint, retries integer, crashes integer,
    reason text, worker text, at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE FUNCTION lab_task_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        INSERT INTO lab_history VALUES (OLD.id, OLD.name, OLD.state, NULL, OLD.retries,
            OLD.crashes, OLD.reason, OLD.worker);
    ELSIF NEW.state IS DISTINCT FROM OLD.state THEN
        INSERT INTO lab_history VALUES (NEW.id, NEW.name, OLD.state, NEW.state, NEW.retries,
            NEW.crashes, NEW.reason, NEW.worker);
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
