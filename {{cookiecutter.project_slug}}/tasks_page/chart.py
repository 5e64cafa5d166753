"""A line of a number over the last hours, as points of an SVG."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db import connection

HOURS = 6
# A point each five minutes, the largest of them: a peak of a minute must not vanish in a mean.
BUCKET_SECONDS = 300
BUCKETS = HOURS * 3600 // BUCKET_SECONDS
WIDTH, HEIGHT = 120, 24  # of the drawing; the page scales it

_SAMPLES = """
SELECT name, floor(extract(epoch FROM now() - at) / %s)::int AS ago, max(value)
FROM failure_check_sample WHERE name = ANY(%s) AND at > now() - make_interval(hours => %s)
GROUP BY name, ago
"""


@dataclass(frozen=True, kw_only=True)
class Line:
    """The points, for `<polyline points>`, and the largest number, which is at the drawing's top.

    Where nobody measured there is no point: a gap is a line of its own.
    """

    pieces: tuple[str, ...]
    most: int


def lines(names: Sequence[str]) -> Mapping[str, Line]:
    """Return the line of each gauge; none for one that was never sampled in these hours."""
    found: dict[str, dict[int, float]] = defaultdict(dict)
    with connection.cursor() as cursor:
        cursor.execute(_SAMPLES, [BUCKET_SECONDS, list(names), HOURS])
        for name, ago, value in cursor.fetchall():
            found[name][ago] = value
    return {name: line(values) for name, values in found.items()}


def line(values: Mapping[int, float]) -> Line:
    """Return the line of values by how many buckets ago they were."""
    most = max(values.values())
    pieces: list[list[str]] = []
    before = None
    for ago in sorted(values, reverse=True):
        if before is None or before - ago > 1:
            pieces.append([])
        pieces[-1].append(_point(ago, values[ago], most))
        before = ago
    return Line(pieces=tuple(_drawn(piece) for piece in pieces), most=round(most))


def _point(ago: int, value: float, most: float) -> str:
    across = WIDTH * (1 - min(ago, BUCKETS - 1) / (BUCKETS - 1))
    up = (HEIGHT - 2) * value / most if most else 0
    return f"{across:.1f},{HEIGHT - 1 - up:.1f}"


def _drawn(piece: list[str]) -> str:
    # A line of one point draws nothing; twice the same one is a dot with round caps.
    return " ".join(piece if len(piece) > 1 else piece * 2)
