"""The trigger that writes what the machine does to tasks which do not simply succeed.

It follows the change, so that an INSERT that found its row already there writes nothing; and it is
of columns that the statements of a healthy task do not set, so that those pay nothing for it.
"""

from django.db import migrations

_FUNCTION = """
CREATE FUNCTION durable_tasks_record() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    worker text := '';
    has_crashed bool := false;
    is_retried bool := false;
    has_failed bool := false;
BEGIN
    has_failed := NEW.state = 4;
    worker := NEW.worker;
    IF TG_OP = 'UPDATE' THEN
        has_failed := NEW.state = 4 AND (OLD.state < 4 OR NEW.failed_at > OLD.failed_at);
        has_crashed := NEW.crashes > OLD.crashes;
        is_retried := NEW.retries > OLD.retries;
        -- The statement that ends a run blanks it.
        worker := CASE WHEN OLD.state >= 4 OR OLD.worker = '' THEN NEW.worker ELSE OLD.worker END;
    END IF;
    IF has_failed THEN
        UPDATE durable_tasks_task SET failures = failures + 1 WHERE id = NEW.id;
    END IF;
    INSERT INTO durable_tasks_event (task_id, name, kind, at_worker, note)
    SELECT NEW.id, NEW.name, happened.kind, worker,
        left(CASE WHEN NEW.error = '' THEN NEW.reason ELSE NEW.error END, 2000)
    FROM (VALUES
        (1, 'crashed', has_crashed),
        (2, 'retried', is_retried),
        -- Who cancels it writes that event, with a name.
        (3, 'failed', has_failed AND (NEW.reason <> 'cancelled' OR TG_OP = 'INSERT'))
    ) AS happened (position, kind, did) WHERE did ORDER BY position;
    RETURN NULL;
END
$$;
"""
_TRIGGERS = """
CREATE TRIGGER durable_tasks_inserted AFTER INSERT ON durable_tasks_task FOR EACH ROW
WHEN (NEW.state = 4)
EXECUTE FUNCTION durable_tasks_record();

CREATE TRIGGER durable_tasks_updated AFTER UPDATE OF failed_at, crashes, retries
ON durable_tasks_task FOR EACH ROW
WHEN (NEW.state = 4 AND (OLD.state < 4 OR NEW.failed_at > OLD.failed_at)
    OR NEW.crashes > OLD.crashes OR NEW.retries > OLD.retries)
EXECUTE FUNCTION durable_tasks_record();
"""
_NO_MORE = """
DROP TRIGGER durable_tasks_inserted ON durable_tasks_task;
DROP TRIGGER durable_tasks_updated ON durable_tasks_task;
DROP FUNCTION durable_tasks_record();
"""


class Migration(migrations.Migration):
    dependencies = [("durable_tasks", "0002_failed_set")]

    operations = [
        # Also for rows that had failed before: their replay's success is told too.
        migrations.RunSQL(
            "UPDATE durable_tasks_task SET failures = 1 WHERE state = 4", migrations.RunSQL.noop
        ),
        # Events of tasks that end well are deleted with them: by default a fifth may be dead.
        migrations.RunSQL(
            "ALTER TABLE durable_tasks_event SET (autovacuum_vacuum_scale_factor = 0.02, "
            "autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0)",
            migrations.RunSQL.noop,
        ),
        migrations.RunSQL(_FUNCTION + _TRIGGERS, _NO_MORE),
    ]
