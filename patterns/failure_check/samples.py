"""Numbers at each run, kept for two days: enough for a chart of what happened in the night."""

from django.db import connections
from django.utils.module_loading import import_string

from . import configuration

KEPT_DAYS = 2
DELETED_AT_ONCE = 10_000  # a run of some hours' outage is deleted by the next runs

_INSERT = (
    "INSERT INTO failure_check_sample (name, value) SELECT * FROM unnest(%s::text[], %s::float8[])"
)
_DELETE = """
DELETE FROM failure_check_sample WHERE id = ANY(ARRAY(
    SELECT id FROM failure_check_sample WHERE at < now() - make_interval(days => %s)
    ORDER BY at LIMIT %s))
"""


def sample() -> None:
    """Keep what FAILURE_CHECK_GAUGES says now, and delete what is old. Raises what that raises."""
    path = configuration.gauges()
    if not path:
        return
    numbers: dict[str, float] = import_string(path)()
    with connections[configuration.database()].cursor() as cursor:
        cursor.execute(_INSERT, [list(numbers), [float(each) for each in numbers.values()]])
        cursor.execute(_DELETE, [KEPT_DAYS, DELETED_AT_ONCE])
