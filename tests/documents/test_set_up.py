"""What a page has somebody write to set a pattern up stands in the pattern's header."""

import ast
from pathlib import Path

import pytest

from standalone.header import Header
from tests.documents.pages import ROOT, block

# Whoever goes by the page ends with the same project as by the header, which the session
# "standalone" follows to the letter in an empty one.
SET_UP = (
    ("docs/brokers.md", 2),
    ("docs/durable_tasks.md", 2),
    ("docs/durable_tasks.md", 3),
    ("docs/idempotency.md", 3),
    ("docs/queued_mail.md", 4),
    ("docs/queues.md", 2),
    ("docs/queues.md", 3),
    ("docs/queues.md", 4),
)


@pytest.mark.parametrize(("page", "number"), SET_UP)
def test_a_step_of_a_page_is_one_of_its_patterns_header(page: str, number: int) -> None:
    name = Path(page).stem
    steps = Header(ROOT / "patterns" / name).steps(f"patterns.{name}")
    files = [step.text for step in steps if step.kind in ("add", "replace app")]
    followed = {ast.dump(statement) for text in files for statement in ast.parse(text).body}
    for statement in ast.parse(block(page, number).text).body:
        assert ast.dump(statement) in followed, ast.unparse(statement)
