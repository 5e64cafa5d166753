"""A pattern's header, read as whoever copies the pattern reads it: to the letter.

The steps of its Wiring are prose, or one of these, with literal lines below them, indented deeper:

    1. In settings.py:
    2. In settings.py, from Django 6.1:    (or: before Django 6.1)
    3. In celery.py, in the place of its app:
    4. Run:
    5. Keep running:

Words may follow `.py`, `Run` and `Keep running`, up to the colon at the line's end.
`<this package>` stands for the name under which the pattern is imported.
"""

import ast
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import takewhile
from pathlib import Path
from typing import Literal

LABELS = (
    *("Why", "Guarantees", "Not for", "Copy", "Needs", "Settings", "Wiring", "Testing", "Version"),
)
PLACEHOLDER = "<this package>"
Kind = Literal["add", "replace app", "run", "keep running"]
Version = tuple[int, int]
# Of Django, where none is named or none is needed.
NEWEST: Version = (99, 0)
AFTER_ALL: Version = (100, 0)

# Deeper than the words of a step.
_LITERAL = " " * 11
_STEP = re.compile(r"^    \d+\. (?=\S)", re.MULTILINE)
_FILE = re.compile(r"In (\w+\.py)\b(.*):")
_FROM = re.compile(r"\bfrom Django (\d+)\.(\d+)")
_BEFORE = re.compile(r"\bbefore Django (\d+)\.(\d+)")
_OTHER_DEFAULT = re.compile(r", from Django (\d+)\.(\d+) ")
_PACKAGE = re.compile(r"(?<![\w-])[a-z][a-z0-9-]*(?:\[[a-z,]+\])?>=\d+(?:\.\d+)*")


class HeaderUnclear(ValueError):
    """A header cannot be followed to the letter; the message says where and what to write."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """Literal lines of a Wiring: for a file, or to be run."""

    kind: Kind
    text: str
    file: str = ""
    since: Version = (0, 0)
    until: Version = AFTER_ALL

    def is_for(self, django: Version) -> bool:
        """Tell whether it is meant for this version of Django."""
        return self.since <= django < self.until


class Header:
    """What a pattern says of itself."""

    def __init__(self, pattern: Path) -> None:
        """Read the header of a pattern's folder, or of its only file."""
        self.name = pattern.stem
        self.source = pattern if pattern.is_file() else pattern / "__init__.py"
        text = ast.get_docstring(ast.parse(self.source.read_text(encoding="utf-8"))) or ""
        found = re.split(rf"^({'|'.join(LABELS)})\b[^:\n]*:", text, flags=re.MULTILINE)
        self.parts = dict(zip(found[1::2], found[2::2], strict=True))

    @classmethod
    def of(cls, package: str) -> "Header":
        """Read the header of a pattern that can be imported as `package`, without importing it."""
        found = find_spec(package)
        if found is None or found.origin is None:
            raise HeaderUnclear(f"There is no pattern {package}.")
        source = Path(found.origin)
        return cls(source.parent if source.name == "__init__.py" else source)

    def part(self, label: str) -> str:
        """Return what stands under a label; raise `HeaderUnclear` where nothing does."""
        if not self.parts.get(label, "").strip():
            raise HeaderUnclear(f"{self.source} has no part {label!r}: see CONTRIBUTING.md.")
        return self.parts[label]

    def packages(self) -> list[str]:
        """Return the packages that the pattern needs, with their bounds: `django>=5.2`."""
        found = _PACKAGE.findall(self.part("Needs").partition("Optional:")[0])
        if not found:
            raise HeaderUnclear(
                f"{self.source}: Needs names no package with a bound, such as celery>=5.5."
            )
        return found

    def optional_packages(self) -> list[str]:
        """Return those that a part of the pattern needs: what follows `Optional:` in Needs."""
        return _PACKAGE.findall(self.part("Needs").partition("Optional:")[2])

    def names(self, package: str) -> bool:
        """Tell whether the pattern, or an optional part of it, needs a package."""
        packages = self.packages() + self.optional_packages()
        return package in (re.split(r"[\[>]", each)[0] for each in packages)

    def steps(self, package: str, django: Version = NEWEST) -> list[Step]:
        """Return the literal steps for this Django, the pattern being imported as `package`.

        Raises `HeaderUnclear` where the Wiring has none, or indented lines that belong to no step.
        """
        wiring = self.part("Wiring").replace(PLACEHOLDER, package)
        steps = [self._step(text) for text in _STEP.split(wiring)[1:]]
        literal = [step for step in steps if step is not None]
        if not literal:
            raise HeaderUnclear(
                f"{self.source}: its Wiring cannot be followed to the letter. Write numbered steps"
                " such as '1. In settings.py:' with the lines below; see standalone/header.py."
            )
        return [step for step in literal if step.is_for(django)]

    def defaults(self, package: str, django: Version = NEWEST) -> dict[str, str]:
        """Return the settings with their defaults, as Python: `NAME = DEFAULT: meaning`.

        `NAME = DEFAULT, from Django 6.1 OTHER: meaning` has two.
        """
        text = self.part("Settings").replace(PLACEHOLDER, package)
        entries = re.split(r"^    (?=[A-Z][A-Z0-9_]+ = )", text, flags=re.MULTILINE)[1:]
        return dict(self._default(" ".join(entry.split()), django) for entry in entries)

    def _step(self, text: str) -> Step | None:
        words, lines = _split(text, self.source)
        if not lines:
            return None
        if file := _FILE.fullmatch(words):
            since, before = _FROM.search(file[2]), _BEFORE.search(file[2])
            return Step(
                kind="replace app" if "in the place of its app" in file[2] else "add",
                file=file[1],
                text=lines,
                since=(int(since[1]), int(since[2])) if since else (0, 0),
                until=(int(before[1]), int(before[2])) if before else AFTER_ALL,
            )
        if words.startswith("Run"):
            return Step(kind="run", text=lines)
        if words.startswith("Keep running"):
            return Step(kind="keep running", text=lines)
        raise HeaderUnclear(
            f"{self.source}: the step {words!r} has lines of its own, and says not where to."
            " Begin it with 'In FILE.py', 'Run' or 'Keep running', and end it with a colon."
        )

    def _default(self, entry: str, django: Version) -> tuple[str, str]:
        name, _, rest = entry.partition(" = ")
        for end in (match.start() for match in re.finditer(":", rest)):
            first, *later = _OTHER_DEFAULT.split(rest[:end])
            if all(map(_is_expression, (first, *later[2:]))):
                is_later = bool(later) and django >= (int(later[0]), int(later[1]))
                return name, later[2] if is_later else first
        raise HeaderUnclear(f"{self.source}: write the setting as '{name} = DEFAULT: meaning'.")


def _split(text: str, source: Path) -> tuple[str, str]:
    """Split a step into its words, in one line, and the literal lines below them."""
    first, *rest = text.rstrip().splitlines()
    words = [first.strip()]
    while rest and rest[0].strip() and not rest[0].startswith(_LITERAL):
        words.append(rest.pop(0).strip())
    lines = list(takewhile(lambda line: not line.strip() or line.startswith(_LITERAL), rest))
    if any(line.strip() for line in lines) and not words[-1].endswith(":"):
        raise HeaderUnclear(f"{source}: end the line above {lines[0].strip()!r} with a colon.")
    return " ".join(words), textwrap.dedent("\n".join(lines)).strip("\n")


def _is_expression(text: str) -> bool:
    try:
        ast.parse(text.strip(), mode="eval")
    except SyntaxError:
        return False
    return True


def patterns_in(folder: Path) -> Iterator[Path]:
    """Yield the patterns of a folder: each a module or a package."""
    for path in sorted(folder.iterdir()):
        if path.name.startswith((".", "_")):
            continue
        if path.suffix == ".py" or (path / "__init__.py").is_file():
            yield path
