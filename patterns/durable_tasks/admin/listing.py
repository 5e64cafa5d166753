"""Rows for lists: few, cut, found by index, however many and however large they are."""

from typing import Any
from uuid import UUID

from django.db import connections
from django.http import QueryDict

from .. import configuration
from ..selection import Group, Selection
from . import choosing, subjects
from .row import Row

ROWS_A_PAGE = 50
REPLAYED_SHOWN = 5
# Behind that nobody turns pages, and PostgreSQL would walk through all that is before.
MOST_COUNTED = 10_000
ERROR_CHARACTERS = 600
# A subject is read from arguments that are short; longer ones are not fetched for a list.
ARGUMENT_BYTES = 4_096


# The large columns are cut by PostgreSQL. First the ids, then their rows: what is passed over on
# the way to a page is not read.
_ROWS = f"""
SELECT id, name, queue, state, plain, enqueued_at, due_at, started_at, failed_at, discarded_at,
    retries, crashes, failures, reason, exception, worker, left(error, {ERROR_CHARACTERS}),
    left(shown, 2500), arguments <> '',
    CASE WHEN octet_length(arguments) <= {ARGUMENT_BYTES} THEN arguments END
FROM unnest(%s::uuid[]) WITH ORDINALITY AS chosen (pk, position)
JOIN durable_tasks_task ON id = pk ORDER BY position
"""  # noqa: S608  constants
_FAILED = """
SELECT id FROM durable_tasks_task WHERE {where} ORDER BY failed_at DESC, id DESC LIMIT %s OFFSET %s
"""
# Replayed ones that have not ended: they are no failures now, and not yet well. In an order that
# some other index has, the planner would walk through all that wait.
_REPLAYED = """
SELECT id FROM (SELECT id, due_at FROM durable_tasks_task WHERE failures > 0 AND state < 4 LIMIT %s)
AS replayed ORDER BY due_at
"""
_NEWEST = """
SELECT (SELECT id FROM durable_tasks_task t
    WHERE state = 4 AND t.name = g.name AND t.exception = g.exception
    ORDER BY failed_at DESC LIMIT 1)
FROM unnest(%s::text[], %s::text[]) AS g (name, exception)
"""


def failed(selection: Selection, page: int) -> tuple[list[Row], bool]:
    """Return a page of failed tasks, the newest first, and whether there is another."""
    where, values = selection.where()
    values = [*values, ROWS_A_PAGE + 1, (page - 1) * ROWS_A_PAGE]
    ids = [row[0] for row in ask(_FAILED.format(where=where), values)]
    return rows(ids[:ROWS_A_PAGE]), len(ids) > ROWS_A_PAGE


def rows(ids: list[UUID]) -> list[Row]:
    """Return what lists say about these tasks, each with its subject, in this order."""
    return subjects.added([Row(*values) for values in ask(_ROWS, [ids])]) if ids else []


def replayed() -> tuple[list[Row], int]:
    """Return the first replayed tasks that have not ended yet, and how many there are."""
    ids = [row[0] for row in ask(_REPLAYED, [MOST_COUNTED])]
    return rows(ids[:REPLAYED_SHOWN]), len(ids)


def examples(groups: list[Group]) -> list[tuple[Group, Row | None]]:
    """Return each group with its newest failure; None where that was decided just now."""
    columns = [[each.name for each in groups], [each.exception for each in groups]]
    ids = [row[0] for row in ask(_NEWEST, columns) if row[0]] if groups else []
    found = {(row.name, row.exception): row for row in rows(ids)}
    return [(each, found.get((each.name, each.exception))) for each in groups]


def page_number(data: QueryDict) -> int:
    """Return which page is asked for."""
    return choosing.number(data, "page", MOST_COUNTED // ROWS_A_PAGE) or 1


def turning(choice: choosing.Choice, page: int, has_more: bool) -> dict[str, Any]:
    """Return what a page of a list says about the others."""
    has_more = has_more and page < MOST_COUNTED // ROWS_A_PAGE
    return {
        "page": page,
        "previous_page": choice.query(page=str(page - 1)) if page > 1 else "",
        "next_page": choice.query(page=str(page + 1)) if has_more else "",
        "back": choice.query().removeprefix("?"),
    }


def ask(statement: str, values: list[Any]) -> list[tuple[Any, ...]]:
    """Run a statement that reads, and return its rows."""
    with connections[configuration.database()].cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())
