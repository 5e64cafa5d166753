"""Count how often the steps of an order are written: the shop's own columns show the last time."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg

from demo.shop import Shop

# A column's trigger fires for what a statement sets, also where the value stays the same.
BEGIN = """
CREATE TABLE demo_written (step text, order_id text);
CREATE FUNCTION demo_written() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO demo_written VALUES (TG_ARGV[0], NEW.id::text);
    RETURN NULL;
END $$;
CREATE TRIGGER demo_charged AFTER UPDATE OF charged_at ON purchases_order
    FOR EACH ROW EXECUTE FUNCTION demo_written('charged');
CREATE TRIGGER demo_packed AFTER UPDATE OF packed_at ON purchases_order
    FOR EACH ROW EXECUTE FUNCTION demo_written('packed');
"""
END = """
DROP FUNCTION IF EXISTS demo_written() CASCADE;
DROP TABLE IF EXISTS demo_written;
"""
COUNT = "SELECT count(*) FROM demo_written WHERE step = %s AND order_id = %s"


@contextmanager
def counted_steps(shop: Shop) -> Iterator[Callable[[str, str], int]]:
    """Give a function that tells how often a step ("charged", "packed") of an order was written."""
    with psycopg.connect(str(shop.servers["DATABASE_URL"]), autocommit=True) as database:

        def count(step: str, order_id: str) -> int:
            row = database.execute(COUNT, [step, order_id]).fetchone()
            return int(row[0]) if row else 0

        try:
            database.execute(BEGIN)
            yield count
        finally:
            database.execute(END)
