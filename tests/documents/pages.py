"""The fenced blocks of every page that somebody may follow."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
TEMPLATE = ROOT / "{{cookiecutter.project_slug}}"
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted(TEMPLATE.rglob("*.md")),
]
# Indented ones stand in lists.
FENCE = re.compile(
    r"^(?P<indent> *)(?P<fence>```+|~~~+)(?P<language>[^\n`]*)\n"
    r"(?P<text>.*?)^(?P=indent)(?P=fence) *$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """What stands between two fences; its text without the indentation of both."""

    page: str
    number: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}, block {self.number}"


def blocks_of(page: Path) -> Iterator[Block]:
    """Yield a page's blocks, numbered from 1."""
    found = FENCE.finditer(page.read_text(encoding="utf-8"))
    for number, match in enumerate(found, start=1):
        lines = [line.removeprefix(match["indent"]) for line in match["text"].splitlines(True)]
        name = page.relative_to(ROOT).as_posix()
        yield Block(name, number, match["language"].strip(), "".join(lines))


BLOCKS = [block for page in PAGES for block in blocks_of(page)]


def block(page: str, number: int) -> Block:
    """Return the one block of this number."""
    [found] = [each for each in BLOCKS if (each.page, each.number) == (page, number)]
    return found
