"""What PostgreSQL suffers from in silence: old transactions, and connections that run out."""

from collections.abc import Iterator
from typing import Any

from django.db import connections

from . import configuration
from .problem import Problem, duration

# What holds back the horizon behind which vacuum may tidy. A role sees its own sessions, and those
# of others with the right `pg_read_all_stats`; all are counted as connections.
_OLD = """
SELECT 'of process ' || pid || ' (' || coalesce(nullif(application_name, ''), usename, '?') || ', '
        || coalesce(state, '?') || ')',
    extract(epoch FROM clock_timestamp() - xact_start)::float8
FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
    AND backend_type = 'client backend'
    AND xact_start < clock_timestamp() - make_interval(secs => %(seconds)s)
UNION ALL
SELECT 'prepared as ' || gid, extract(epoch FROM clock_timestamp() - prepared)::float8
FROM pg_prepared_xacts WHERE database = current_database()
    AND prepared < clock_timestamp() - make_interval(secs => %(seconds)s)
ORDER BY 2 DESC
"""
_CONNECTIONS = """
SELECT count(*), current_setting('max_connections')::int
    - current_setting('superuser_reserved_connections')::int
FROM pg_stat_activity
WHERE datid IS NOT NULL AND coalesce(backend_type, 'client backend') = 'client backend'
"""


def old_transactions() -> Iterator[Problem]:
    """Find transactions so old that nothing which died since can be tidied away."""
    found = _ask(_OLD, {"seconds": configuration.transaction_seconds()})
    if found:
        which, seconds = found[0]
        others = f", and {len(found) - 1} more" if len(found) > 1 else ""
        yield Problem(
            name="old_transaction",
            severity="warning",
            sentence=f"A transaction {which} is {duration(seconds)} old{others}:"
            " vacuum tidies nothing that died since, and tables of tasks grow slow.",
            remedy="End what holds it open; in the end, SELECT pg_terminate_backend(<process>).",
        )


def many_connections() -> Iterator[Problem]:
    """Find that the server will soon refuse connections, to everybody."""
    [(used, limit)] = _ask(_CONNECTIONS, {})
    if used >= limit * configuration.full_share():
        yield Problem(
            name="connections",
            severity="critical" if used >= limit * 0.95 else "warning",
            sentence=f"The database has {used} of the {limit} connections that it takes.",
            remedy="Find who holds them (SELECT application_name, count(*) FROM pg_stat_activity"
            " GROUP BY 1); then run fewer processes, put a pooler in front, or raise"
            " max_connections.",
        )


def database_problem(error: str) -> Problem:
    """Return the problem that the database does not answer."""
    return Problem(
        name="database_down",
        severity="critical",
        sentence=f"The database does not answer: {error}",
        remedy="Start it, or free what it lacks; where a table is not there, `manage.py migrate`."
        " Nothing is lost meanwhile: what was committed is there when it is back.",
    )


def answers() -> None:
    """Return where the database answers, and has this pattern's tables. Raises what it raises."""
    _ask("SELECT count(*) FROM failure_check_run", {})


def _ask(statement: str, values: dict[str, Any]) -> list[Any]:
    with connections[configuration.database()].cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())
