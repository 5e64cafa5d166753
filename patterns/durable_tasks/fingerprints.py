"""What all tables hold, and how that differs from what they held before."""

from collections import Counter
from itertools import zip_longest
from typing import Any

from django.db import connections

from . import configuration

# Of a larger table, a difference is told without its rows.
ROWS_KEPT = 1000
ROWS_SHOWN = 3
CHARACTERS_SHOWN = 200

Table = tuple[int, Any, Counter[str]]


def tables() -> dict[str, Table]:
    """Return for each table how many rows it has, and what they are."""
    connection = connections[configuration.database()]
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
        return {table: _rows_of(cursor, connection.ops.quote_name(table)) for table in tables}


def _rows_of(cursor: Any, quoted: str) -> Table:
    # A row as text has all its columns; the sum does not depend on the order.
    cursor.execute(
        f"SELECT count(*), sum(hashtextextended(t::text, 0)) FROM {quoted} t"  # noqa: S608  quoted
    )
    count, fingerprint = cursor.fetchone()
    rows: Counter[str] = Counter()
    if count <= ROWS_KEPT:
        cursor.execute(f"SELECT row_to_json(t)::text FROM {quoted} t")  # noqa: S608
        rows.update(row[0] for row in cursor.fetchall())
    return count, fingerprint, rows


def difference(table: str, before: Table | None, after: Table | None) -> str:
    """Return what became of a table, with the first of its rows that differ."""
    if before is None or after is None:
        return f"{table} (a table that was {'made' if before is None else 'dropped'})"
    less = sorted((before[2] - after[2]).elements())[:ROWS_SHOWN]
    more = sorted((after[2] - before[2]).elements())[:ROWS_SHOWN]
    lines = [f"{table} ({before[0]} rows, then {after[0]}):"]
    for was, became in zip_longest(less, more, fillvalue=""):
        # What a changed row began with, then as before, says little.
        pairs = enumerate(zip(was, became, strict=False))
        start = next((n for n, (old, new) in pairs if old != new), 0) - CHARACTERS_SHOWN // 2
        lines += [_part(sign, row, start) for sign, row in (("-", was), ("+", became)) if row]
    return "\n".join(lines)


def _part(sign: str, row: str, start: int) -> str:
    if start <= 0:
        return f"{sign} {row[:CHARACTERS_SHOWN]}"
    return f"{sign} ...{row[start : start + CHARACTERS_SHOWN]}"
