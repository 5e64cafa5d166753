"""The table of mutations: read, applied to a shop, and written into docs/rules.md.

`python -m tests.rules.mutations` writes it there; a test compares.
"""

import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PAGE = HERE.parent.parent / "docs" / "rules.md"
BEGIN, END = (
    "<!-- mutations: written by tests/rules/mutations.py -->\n",
    "<!-- end of mutations -->",
)
BY = {
    "check": "`manage.py check`",
    "check --deploy": "`manage.py check --deploy`",
    "start": "its start",
    "suite": "its suite",
}


@dataclass(frozen=True, kw_only=True)
class Edit:
    """A text of a file that becomes another; without `old` it is put at the file's end."""

    file: str
    old: str = ""
    new: str

    def apply(self, project: Path) -> None:
        """Make it; raise where the file does not have `old` exactly once."""
        file = project / self.file
        text = file.read_text(encoding="utf-8") if file.exists() else ""
        assert not self.old or text.count(self.old) == 1, f"{self.file} has changed: {self.old!r}"
        changed = text.replace(self.old, self.new) if self.old else f"{text}\n{self.new}\n"
        file.write_text(changed, encoding="utf-8")


@dataclass(frozen=True, kw_only=True)
class Mutation:
    """One way to break a rule: the edits, what is run then, and what it must say."""

    rule: int
    mistake: str
    found: str
    by: str = "check"
    edits: tuple[Edit, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    command: tuple[str, ...] = ()
    test: str = ""

    @property
    def id(self) -> str:
        """Return the name of its test."""
        words = re.sub(r"[^a-z0-9]+", "-", self.mistake.partition(":")[0].lower()).strip("-")
        return f"{self.rule}-{words}"


def read() -> list[Mutation]:
    """Return the mutations, in the order of the file."""
    tables = tomllib.loads((HERE / "mutations.toml").read_text(encoding="utf-8"))["mutation"]
    return [_mutation(**table) for table in tables]


def as_table(mutations: list[Mutation]) -> str:
    """Return them as the page has them."""
    rows = [
        f"| {each.rule} | {each.mistake} | {_where(each)} | {_said(each)} |"
        for each in sorted(mutations, key=lambda each: each.rule)
    ]
    head = ("| rule | the mistake | where | what goes red |", "|---|---|---|---|")
    return "\n".join((*head, *rows)) + "\n"


def page_with(table: str) -> str:
    """Return the page with a table in the place of the one that it has."""
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}{table}{END}{rest.partition(END)[2]}"


def _mutation(
    *,
    file: str = "",
    old: str = "",
    new: str = "",
    also: list[dict[str, str]] | None = None,
    command: list[str] | None = None,
    **rest: Any,
) -> Mutation:
    edits = [{"file": file, "old": old, "new": new}] if file else []
    return Mutation(
        edits=tuple(Edit(**edit) for edit in (*edits, *(also or []))),
        command=tuple(command or ()),
        **rest,
    )


def _where(mutation: Mutation) -> str:
    files = [f"`{edit.file}`" for edit in mutation.edits]
    variables = [f"`{name}={value}`" for name, value in mutation.environment.items()]
    return ", ".join([*files, *variables]) or f"`{' '.join(mutation.command)}`"


def _said(mutation: Mutation) -> str:
    return f"{BY[mutation.by]}: `{mutation.found}`"


if __name__ == "__main__":
    PAGE.write_text(page_with(as_table(read())), encoding="utf-8")
