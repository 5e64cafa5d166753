"""What the lab's tasks write down: `effect` in their own transaction, the rest outside of it."""

import os

import psycopg
from django.db import connection

INSERT = "INSERT INTO lab_event (what, token, pid) VALUES (%s, %s, %s)"


def effect(token: str) -> None:
    """Change the database as a task does: it holds if and only if the transaction commits."""
    with connection.cursor() as cursor:
        cursor.execute(INSERT, ["effect", token, os.getpid()])


def lock(token: str) -> None:
    """Hold a lock, for which another run of the same task waits, until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO lab_row (token) VALUES (%s) ON CONFLICT DO NOTHING", [token])


def tell(what: str, token: str) -> None:
    """Tell the lab, whatever becomes of the caller's transaction."""
    with psycopg.connect(os.environ["LAB_DATABASE_URL"], autocommit=True) as outside:
        outside.execute(INSERT, [what, token, os.getpid()])


def is_first_run(token: str) -> bool:
    """Tell that a run begins, and whether it is the first of this token."""
    tell("run", token)
    with psycopg.connect(os.environ["LAB_DATABASE_URL"], autocommit=True) as outside:
        query = "SELECT count(*) FROM lab_event WHERE what = 'run' AND token = %s"
        row = outside.execute(query, [token]).fetchone()
    return row is not None and row[0] == 1
