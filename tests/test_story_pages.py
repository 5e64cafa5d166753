"""The story's pages show the template's code as it is, not as it was."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TEMPLATE = ROOT / "{{cookiecutter.project_slug}}"
# A block of Python whose first line names the file that it is from.
EXCERPT = re.compile(r"^```python\n# (\S+\.py)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
excerpts = [
    (page.stem, *excerpt)
    for page in sorted((ROOT / "docs" / "story").glob("*.md"))
    for excerpt in EXCERPT.findall(page.read_text(encoding="utf-8"))
]


def test_every_chapter_shows_code() -> None:
    chapters = {path.stem for path in (ROOT / "docs" / "story").glob("*.md")}
    assert {page for page, _, _ in excerpts} == chapters
    assert len(chapters) == 7


@pytest.mark.parametrize(("page", "file", "code"), excerpts)
def test_the_code_of_a_chapter_is_the_shops(page: str, file: str, code: str) -> None:
    assert code in (TEMPLATE / file).read_text(encoding="utf-8"), f"{page} shows another {file}"
