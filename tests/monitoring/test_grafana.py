"""Each query of docs/grafana_dashboard.json asks for what a shop and its Flower really serve."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

DASHBOARD = Path(__file__).parents[2] / "docs" / "grafana_dashboard.json"
# Of PromQL, as far as the dashboard uses it.
FUNCTIONS = {"sum", "rate", "topk", "histogram_quantile"}
SELECTOR = re.compile(r"\b([a-z][a-z0-9_]*)\b(?:\{([^}]*)\})?(?!\s*\()")
GROUPING = re.compile(r"\bby\s*\(([^)]*)\)")
MATCHER = re.compile(r'(\w+)(=~|!=|=)"([^"]*)"')

Served = dict[str, dict[str, list[str]]]


def queries() -> Iterator[tuple[str, str, str]]:
    """Return each panel's title with a query and the legend of its lines."""
    for panel in json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"], target["legendFormat"]


@pytest.fixture
def served(run_in_shop: Callable[[str], Path]) -> Served:
    """Return what is served, from real processes: metric -> label -> values."""
    found: Served = json.loads(run_in_shop("scrape").read_text())
    return found


def test_every_query_asks_for_what_is_served(served: Served) -> None:
    complaints = [complaint for query in queries() for complaint in check(served, *query)]
    assert complaints == []
    asked = {name for _, query, _ in queries() for name, _ in selectors(query)}
    ours = {name for name in served if name.startswith(("durable_tasks_", "failure_check_"))}
    assert sorted(ours - asked) == [], "served, and on no panel"


@pytest.mark.parametrize(
    ("query", "legend"),
    [
        ("durable_tasks_waitng", ""),
        ("sum by (que) (durable_tasks_waiting)", ""),
        ('durable_tasks_waiting{queue="mial"}', ""),
        ('durable_tasks_waiting{lane="mail"}', ""),
        ("durable_tasks_waiting / nothing_such", ""),
        ("durable_tasks_waiting", "{{lane}}"),
        ("evil(durable_tasks_waiting)", ""),
        ("42", ""),
    ],
)
def test_a_query_for_what_is_not_served_is_complained_of(query: str, legend: str) -> None:
    served: Served = {"durable_tasks_waiting": {"queue": ["mail"]}}
    assert list(check(served, "panel", query, legend)) != []


def selectors(query: str) -> list[tuple[str, str]]:
    """Return the metrics of a query, each with its matchers."""
    bare = GROUPING.sub("", query)
    found = [(name, matchers) for name, matchers in SELECTOR.findall(bare)]
    labels = {label for _, matchers in found for label, _, _ in MATCHER.findall(matchers)}
    return [(name, matchers) for name, matchers in found if "_" in name and name not in labels]


def check(served: Served, title: str, query: str, legend: str) -> Iterator[str]:
    """Complain of metrics, labels and values that nobody serves."""
    called = set(re.findall(r"\b([a-z_]+)\s*\(", GROUPING.sub("", query)))
    if unknown := called - FUNCTIONS:
        yield f"{title}: {unknown} is no function that this test knows"
    asked = selectors(query)
    if not asked:
        yield f"{title}: no metric in {query}"
    for name, matchers in asked:
        if name not in served:
            yield f"{title}: nobody serves {name}"
            continue
        for label, _, value in MATCHER.findall(matchers):
            if value not in served[name].get(label, ()) and not is_event(label, value):
                yield f"{title}: {name} has no {label}={value!r}"
        grouped = {each.strip() for group in GROUPING.findall(query) for each in group.split(",")}
        shown = set(re.findall(r"{{(\w+)}}", legend))
        for label in grouped | shown:
            if label not in served[name]:
                yield f"{title}: {name} has no label {label}"


def is_event(label: str, value: str) -> bool:
    """Tell whether this is an event that the scraped worker had no reason for."""
    return label == "type" and value in {"task-failed", "task-retried"}
