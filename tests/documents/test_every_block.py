"""Every fenced block of every page is run, or stands here with the reason why it cannot be."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.adopting.conftest import STEP
from tests.documents.commands import commands_of
from tests.documents.pages import BLOCKS, ROOT, Block
from tests.documents.test_python import WHOLE
from tests.documents.test_set_up import SET_UP
from tests.rules.test_readme_examples import BLOCK as ADDED
from tests.test_story_pages import excerpts

HERE = Path(__file__).parent
README = "{{cookiecutter.project_slug}}/README.md"
# Tests that read all blocks of these languages from a page, and run each: they unpack so many, or
# go through them, so that one more fails there as well.
WHOLE_PAGES = {
    "docs/django_tasks.md": ("durable_tasks/test_django_tasks_page.py", {"python": 3}),
    "docs/double_charge.md": ("idempotency/test_double_charge.py", {"python": 2}),
    "docs/durable_tasks.md": ("durable_tasks/test_page.py", {"python": 5}),
    "docs/external_contact.md": ("external_contact/test_page.py", {"python": 2, "": 1}),
    "docs/failure_check.md": ("failure_check/test_examples.py", {"python": 4}),
    "docs/idempotency.md": ("idempotency/test_page.py", {"python": 4}),
    "docs/opentelemetry.md": ("monitoring/test_opentelemetry.py", {"python": 2, "diff": 1}),
    "docs/queued_mail.md": ("queued_mail/test_page.py", {"python": 9}),
}
# Nothing here could run these.
NOT_RUN = {
    (
        "docs/story/7_somebody_is_told.md",
        2,
    ): "a mail's words: failure_check/test_telling.py has them",
}


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_it_is_run(block: Block) -> None:
    runners = list(run_by(block))
    assert runners, (
        f"Nothing runs {block}:\n{block.text}\nRun it, or compare it with what is run, in a test of"
        " its page; see tests/documents. What cannot be run has its reason in NOT_RUN."
    )
    assert [file for file in runners if not (ROOT / file).is_file()] == []


def run_by(block: Block) -> Iterator[str]:
    """Yield the files that run a block."""
    folder = block.page.rpartition("/")[0]
    python = f"```python\n{block.text}```"
    if (block.page, block.number) in NOT_RUN:
        yield "tests/documents/test_every_block.py"
    if commands_of(block):
        yield "tests/documents/test_commands.py"
    if included := re.fullmatch(r"\{include\} (\S+)", block.language):
        yield (Path(folder) / included[1]).as_posix()  # by Sphinx: .ci/run builds the site
    if any(block.text == f"# {file}\n{code}" for _, file, code in excerpts):
        yield "tests/test_story_pages.py"
    if folder == "docs/adopting" and STEP.fullmatch(python):
        yield f"tests/adopting/test_{Path(block.page).name.replace('.md', '.py')}"
    if block.page == README and block.language == "python" and ADDED.fullmatch(f"{python}"):
        yield "tests/rules/test_readme_examples.py"
    if block.page == README and re.fullmatch(r'    Queue\(name="reports", .+\),\n', block.text):
        yield "tests/template/test_adding_a_queue.py"
    if block.page in WHOLE_PAGES and block.language in WHOLE_PAGES[block.page][1]:
        yield f"tests/{WHOLE_PAGES[block.page][0]}"
    if (block.page, block.number) in ASKED_FOR:
        yield ASKED_FOR[block.page, block.number]


def asked_for() -> Iterator[tuple[tuple[str, int], str]]:
    """Yield the blocks that tests of this folder name: `block("docs/x.md", 1)`, or lists."""
    for key in WHOLE:
        yield key, "tests/documents/test_python.py"
    for key in SET_UP:
        yield key, "tests/documents/test_set_up.py"
    for file in HERE.glob("test_*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(
                    func=ast.Name(id="block"),
                    args=[ast.Constant(value=str(page)), ast.Constant(value=int(number))],
                ):
                    yield (page, number), f"tests/documents/{file.name}"


ASKED_FOR = dict(asked_for())


@pytest.mark.parametrize("page", WHOLE_PAGES)
def test_a_page_that_is_run_whole_has_as_many_blocks_as_its_test_knows(page: str) -> None:
    file, counts = WHOLE_PAGES[page]
    found = Counter(block.language for block in BLOCKS if block.page == page)
    assert {language: found[language] for language in counts} == counts, f"see tests/{file}"


def test_nothing_is_said_of_blocks_that_are_gone() -> None:
    known = {(block.page, block.number) for block in BLOCKS}
    assert set(NOT_RUN) | set(ASKED_FOR) <= known


def test_no_fence_is_left_open() -> None:
    for page in {block.page for block in BLOCKS}:
        text = (ROOT / page).read_text(encoding="utf-8")
        fences = len(re.findall(r"^ *(?:```|~~~)", text, re.MULTILINE))
        assert fences == 2 * sum(block.page == page for block in BLOCKS), page
