"""Shows what has changed in a pattern since somebody copied it.

`nox -s changes -- path/to/the/copy`: the version that the copy says it is, what the changelog tells
of the versions after it, and which files differ from the kit's of today; `--diff` shows the lines.
Read it as: a line with `+` is the kit's and not the copy's, so new here or removed there.
"""

import argparse
import ast
import difflib
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent
PATTERNS = REPOSITORY / "patterns"
CHANGELOG = REPOSITORY / "CHANGELOG.md"
VERSION = re.compile(r"^Version: (\S+?)\.?$", re.MULTILINE)


class NoPattern(ValueError):
    """What is named is no copy of one of the kit's patterns."""


def main(arguments: list[str]) -> int:
    """Print what has changed; 0 where nothing has, 1 where something has, 2 for no pattern."""
    parser = argparse.ArgumentParser(prog="nox -s changes --", description=__doc__)
    parser.add_argument("copy", type=Path, help="the copied folder or file")
    parser.add_argument("--name", help="the pattern's name, where the copy has another one")
    parser.add_argument("--diff", action="store_true", help="show the lines that differ")
    options = parser.parse_args(arguments)
    try:
        pattern = pattern_of(options.copy, options.name)
        version = version_of(options.copy)
    except NoPattern as error:
        print(error, file=sys.stderr)
        return 2
    differing = dict(differences(pattern, options.copy))
    print(f"{pattern.name}: the copy is of version {version}, the kit's is {kit_version()}.")
    for line in told_since(version, pattern.name):
        print(line)
    if not differing:
        print("The copy is what the kit has.")
        return 0
    for name, lines in differing.items():
        print(f"{name}: {summary(lines)}")
        if options.diff:
            sys.stdout.writelines(lines)
    return 1


def pattern_of(copy: Path, name: str | None) -> Path:
    """Return the kit's pattern that a copy is of."""
    wanted = name or copy.resolve().name
    pattern = PATTERNS / wanted
    if not copy.exists():
        raise NoPattern(f"There is no {copy}.")
    if wanted.startswith(("_", ".")) or not pattern.exists() or pattern.is_dir() != copy.is_dir():
        raise NoPattern(
            f"{copy} has no name of a pattern. With --name say which it is: "
            f"{', '.join(sorted(path.name for path in PATTERNS.iterdir() if is_pattern(path)))}."
        )
    return pattern


def is_pattern(path: Path) -> bool:
    """Tell whether something in `patterns/` is one."""
    return path.suffix in {"", ".py"} and path.name != "LICENSE" and path.name[0] not in "._"


def version_of(copy: Path) -> str:
    """Return the version that a copy's header says."""
    source = copy / "__init__.py" if copy.is_dir() else copy
    try:
        header = ast.get_docstring(ast.parse(source.read_text(encoding="utf-8"))) or ""
    except (OSError, SyntaxError, ValueError) as error:
        raise NoPattern(f"{source} cannot be read: {error}") from error
    if found := VERSION.search(header):
        return found[1]
    raise NoPattern(f"The header of {source} does not say its version: `Version: ...`.")


def kit_version() -> str:
    """Return the version of the kit."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    return str(project["project"]["version"])


def told_since(version: str, pattern: str) -> Iterator[str]:
    """Yield what the changelog says of a pattern in the versions after this one."""
    for heading, text in sections(CHANGELOG.read_text(encoding="utf-8")):
        if heading.split()[0].strip("[]") == version:
            return
        for entry in re.split(r"^- ", text, flags=re.MULTILINE)[1:]:
            if f"`{pattern.removesuffix('.py')}" in entry or f"patterns/{pattern}" in entry:
                yield f"{heading}: {' '.join(entry.split('###')[0].split())}"


def sections(changelog: str) -> Iterator[tuple[str, str]]:
    """Yield each version of a changelog and what it says, the newest first."""
    parts = re.split(r"^## (.+)$", changelog, flags=re.MULTILINE)
    yield from zip(parts[1::2], parts[2::2], strict=True)


def differences(pattern: Path, copy: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield each file that is not the same in both, and the lines from the copy to the kit's."""
    names = sorted({*files(pattern), *files(copy)}) if pattern.is_dir() else [""]
    for name in names:
        ours, theirs = text_of(pattern / name), text_of(copy / name)
        if ours != theirs:
            lines = difflib.unified_diff(theirs, ours, f"copy/{name}", f"kit/{name}")
            yield name or pattern.name, list(lines)


def files(folder: Path) -> Iterator[str]:
    """Yield the relative paths of a folder's files, without what Python left there."""
    for path in folder.rglob("*"):
        if path.is_file() and path.suffix != ".pyc":
            yield path.relative_to(folder).as_posix()


def text_of(path: Path) -> list[str]:
    """Return a file's lines, none of one that is not there; what is no text stands for itself."""
    if not path.is_file():
        return []
    return path.read_text(encoding="utf-8", errors="backslashreplace").splitlines(keepends=True)


def summary(lines: list[str]) -> str:
    """Say how much of a file differs."""
    body = lines[2:]
    more = sum(line.startswith("+") for line in body)
    less = sum(line.startswith("-") for line in body)
    return f"{more} lines in the kit alone, {less} in the copy alone"


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
