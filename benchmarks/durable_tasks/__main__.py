"""`python -m benchmarks.durable_tasks`: ratios to stock Celery, measured in one run.

Times on a shared machine wander by tens of percent, so that only what alternates in one run can be
compared, and only by medians. The servers are embedded; PostgreSQL waits for the disk.
"""

import argparse
import json
import statistics
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.durable_tasks import surroundings

REQUEST_SECONDS = 0.002  # between two requests to a busy web process


@dataclass(frozen=True)
class Line:
    """One comparison: `ratio` is durable to stock, and `is_met` whether it is within the target."""

    what: str
    stock: float
    durable: float
    ratio: float
    target: str
    is_met: bool


def main() -> int:
    """Measure, print, and return 1 where --check is given and a target is missed."""
    options = parse()
    with surroundings.servers():
        lines = measure(options)
    if options.json:
        print(json.dumps([asdict(line) for line in lines], indent=2))
    else:
        print(table(lines))
    return int(options.check and not all(line.is_met for line in lines))


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.durable_tasks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each, alternating (5)")
    parser.add_argument("--tasks", type=int, default=2000, help="tasks of a round (2000)")
    parser.add_argument("--rows", type=int, default=1_000_000, help="the largest backlog (1000000)")
    parser.add_argument("--only", default="", help="enqueue, burst, relay, worker, latency, memory")
    parser.add_argument("--json", action="store_true", help="write the table as JSON")
    parser.add_argument("--check", action="store_true", help="exit 1 if a target is missed")
    return parser.parse_args()


def measure(options: argparse.Namespace) -> list[Line]:
    """Take all measures, or those asked for."""
    from benchmarks.durable_tasks import measures

    known: dict[str, Callable[[Any, Any], Line]] = {
        "enqueue": enqueue,
        "burst": burst,
        "relay": relay,
        "worker": worker,
        "latency": latency,
        "memory": memory,
    }
    asked = [name.strip() for name in options.only.split(",") if name.strip()] or list(known)
    lines = []
    for name in asked:
        print(f"measuring: {name}", file=sys.stderr)
        lines.append(known[name](measures, options))
    return lines


def enqueue(measures: Any, options: argparse.Namespace) -> Line:
    """Compare what `.delay()` adds to a request's transaction."""
    measures.enqueuing(20, REQUEST_SECONDS)  # connects
    added = measures.enqueuing(options.tasks // 4, REQUEST_SECONDS)
    return compare("added to a request's transaction, us", added, at_most=0.5)


def burst(measures: Any, options: argparse.Namespace) -> Line:
    """Compare what `.delay()` adds to one of many transactions in a row."""
    measures.enqueuing(20, 0)
    added = measures.enqueuing(options.tasks // 4, 0)
    return compare("added to one of many transactions in a row, us", added, at_most=0.5)


def relay(measures: Any, options: argparse.Namespace) -> Line:
    """Compare two ways of getting rows out."""
    rounds = [
        {
            "stock": measures.relay_of_delays(options.tasks),
            "durable": measures.relay_of_rows(options.tasks),
        }
        for _ in range(options.rounds)
    ]
    return compare("relay (stock: one that calls .delay()), messages/s", rounds, at_least=3)


def worker(measures: Any, options: argparse.Namespace) -> Line:
    """Compare workers of two processes each; the relay takes its share of the machine too."""
    with surroundings.relay():
        rounds = [
            {kind: measures.worker_rate(kind, options.tasks, 2) for kind in measures.KINDS}
            for _ in range(options.rounds)
        ]
    return compare("worker, no-op tasks/s", rounds, at_least=0.5)


def latency(measures: Any, options: argparse.Namespace) -> Line:
    """Compare commit to first line, where nothing else is to be done."""
    with surroundings.relay():
        waits = measures.first_lines(30 * options.rounds)
    return compare("commit to first line, p50, ms", waits, at_most=1.5)


def memory(measures: Any, options: argparse.Namespace) -> Line:
    """Compare a relay's memory before a small backlog with that before a large one."""
    small, large = measures.relay_memory(10_000), measures.relay_memory(options.rows)
    what = f"relay's memory at 10,000 and {options.rows:,} rows, MB"
    return compare(what, {"stock": small, "durable": large}, at_most=1.1)


def compare(
    what: str,
    found: dict[str, float] | list[dict[str, float]],
    at_most: float | None = None,
    at_least: float | None = None,
) -> Line:
    """Return the line of one measure: medians of the rounds, and their ratio."""
    rounds = found if isinstance(found, list) else [found]
    stock = statistics.median(each["stock"] for each in rounds)
    durable = statistics.median(each["durable"] for each in rounds)
    ratio = durable / stock
    target = f"<= {at_most:g}" if at_most is not None else f">= {at_least:g}"
    is_met = ratio <= at_most if at_most is not None else ratio >= (at_least or 0)
    return Line(what, round(stock, 2), round(durable, 2), round(ratio, 3), target, is_met)


def table(lines: list[Line]) -> str:
    """Return the lines as a table in Markdown."""
    rows = ["| measure | stock | durable | ratio | target | |", "|---|---|---|---|---|---|"]
    rows += [
        f"| {line.what} | {line.stock:,.1f} | {line.durable:,.1f} | {line.ratio:.2f} |"
        f" {line.target} | {'met' if line.is_met else 'MISSED'} |"
        for line in lines
    ]
    return "\n".join(rows)


if __name__ == "__main__":
    sys.exit(main())
