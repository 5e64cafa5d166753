"""Files and functions of patterns are read whole: none is longer than somebody keeps in mind."""

import ast
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from standalone.header import patterns_in

PATTERNS = Path(__file__).parent.parent / "patterns"
FILE_LINES = 150
FUNCTION_LINES = 30
MEDIAN_LINES = 8
# Each with what would be torn apart.
LONGER_FILES: dict[str, str] = {}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def test_no_file_is_longer_than_is_read_at_a_time() -> None:
    """Without a pattern's header, which is a page of its manual."""
    lengths = {_name(path): _length(path) for path in _files()}
    longer = {name: lines for name, lines in lengths.items() if lines > FILE_LINES}
    assert not (too_long := longer.keys() - LONGER_FILES.keys()), (
        f"More than {FILE_LINES} lines. Split by what they do: "
        + ", ".join(f"{name} {longer[name]}" for name in sorted(too_long))
    )
    assert not (excused := LONGER_FILES.keys() - longer.keys()), (
        f"Not longer than {FILE_LINES} lines (any more): take them off LONGER_FILES: {excused}"
    )


def test_no_function_is_longer_than_a_screen() -> None:
    lengths = {where: lines for path in _files() for where, lines in _functions(path)}
    too_long = {where: lines for where, lines in lengths.items() if lines > FUNCTION_LINES}
    assert not too_long, f"More than {FUNCTION_LINES} lines without the docstring: {too_long}"


def test_the_functions_of_each_pattern_are_short_at_the_median() -> None:
    too_long = {}
    for pattern in patterns_in(PATTERNS):
        lengths = [lines for path in _files(pattern) for _, lines in _functions(path)]
        if (middle := median(lengths)) > MEDIAN_LINES:
            too_long[pattern.name] = middle
    assert not too_long, f"More than {MEDIAN_LINES} lines at the median: {too_long}"


def _files(pattern: Path = PATTERNS) -> list[Path]:
    """Return modules that somebody has written: migrations are made, and never read."""
    folder = pattern if pattern.is_dir() else pattern.parent
    files = sorted(folder.rglob("*.py")) if pattern.is_dir() else [pattern]
    return [path for path in files if "migrations" not in path.parts]


def _name(path: Path) -> str:
    return str(path.relative_to(PATTERNS))


def _length(path: Path) -> int:
    text = path.read_text(encoding="utf-8")
    header = _docstring(ast.parse(text)) if _is_a_patterns_first(path) else None
    return len(text.splitlines()) - (_lines(header) if header else 0)


def _is_a_patterns_first(path: Path) -> bool:
    return path.parent == PATTERNS or (
        path.name == "__init__.py" and path.parent.parent == PATTERNS
    )


def _functions(path: Path) -> Iterator[tuple[str, int]]:
    """Find functions and methods; one within another is a part of it, and one too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, Function):
            docstring = _docstring(node)
            lines = _lines(node) - (_lines(docstring) if docstring else 0)
            yield f"{_name(path)}:{node.lineno} {node.name}", lines


def _docstring(node: ast.Module | Function) -> ast.stmt | None:
    return node.body[0] if ast.get_docstring(node, clean=False) is not None else None


def _lines(node: ast.stmt) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1
