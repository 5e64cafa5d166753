"""Each pattern stands alone, and its header tells the truth about what it needs and reads."""

import ast
import re
import sys
import tomllib
from pathlib import Path

import pytest

PATTERNS = Path(__file__).parent.parent / "patterns"
LABELS = (
    *("Why", "Guarantees", "Not for", "Copy", "Needs", "Settings", "Wiring", "Testing", "Version"),
)
# What is imported under another name than it is asked for under.
DISTRIBUTIONS = {
    "django_celery_beat": "django-celery-beat",
    "django_tasks": "django-tasks",
    "kombu": "celery",
}

patterns = sorted(
    path
    for path in PATTERNS.iterdir()
    if not path.name.startswith((".", "_")) and path.name != "LICENSE"
)
each_pattern = pytest.mark.parametrize("pattern", patterns, ids=lambda path: path.name)


def test_there_are_patterns() -> None:
    assert patterns


@each_pattern
def test_a_pattern_imports_no_other_pattern(pattern: Path) -> None:
    others = {"patterns", *(path.stem for path in patterns if path != pattern)}
    outside = {name for tree in trees(pattern) for name in imported(tree)} & others
    assert not outside, f"{pattern.name} imports {outside}: copied elsewhere it would break"
    assert not [file for file in files(pattern) if leaves_its_package(file, pattern)]


@each_pattern
def test_a_header_has_every_part(pattern: Path) -> None:
    found = sections(header(pattern))
    assert [label for label in LABELS if label not in found] == []
    assert [label for label in LABELS if not found[label].strip()] == []


@each_pattern
def test_a_header_names_the_packages_that_are_imported(pattern: Path) -> None:
    needs = sections(header(pattern))["Needs"].lower()
    packages = {name for tree in trees(pattern) for name in imported(tree)}
    packages -= set(sys.stdlib_module_names)
    missing = {name for name in packages if DISTRIBUTIONS.get(name, name) not in needs}
    assert not missing, f"{pattern.name} imports {missing}, which its header does not name"


@each_pattern
def test_a_header_names_exactly_the_settings_that_are_read(pattern: Path) -> None:
    named = set(
        re.findall(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b", sections(header(pattern))["Settings"])
    )
    read = {name for tree in trees(pattern) for name in settings_read(tree)}
    own = {name for name in read if not is_django_setting(name)}
    assert own <= named, f"{own - named} is read and not named in the header"
    assert named <= read | mentioned(pattern), f"{named - read} is named and never read"


@each_pattern
def test_a_header_says_the_kits_version(pattern: Path) -> None:
    project = tomllib.loads((PATTERNS.parent / "pyproject.toml").read_text(encoding="utf-8"))
    assert sections(header(pattern))["Version"].strip() == project["project"]["version"]


def header(pattern: Path) -> str:
    """Return the docstring that a pattern begins with."""
    source = pattern if pattern.is_file() else pattern / "__init__.py"
    return ast.get_docstring(ast.parse(source.read_text(encoding="utf-8"))) or ""


def sections(text: str) -> dict[str, str]:
    """Split a header at its labels, each at the beginning of a line and followed by a colon."""
    parts = re.split(rf"^({'|'.join(LABELS)})\b[^:\n]*:", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def files(pattern: Path) -> list[Path]:
    """Return the modules of a pattern."""
    return [pattern] if pattern.is_file() else sorted(pattern.rglob("*.py"))


def trees(pattern: Path) -> list[ast.Module]:
    """Parse the modules of a pattern."""
    return [ast.parse(file.read_text(encoding="utf-8")) for file in files(pattern)]


def imported(tree: ast.Module) -> set[str]:
    """Return the top-level packages that a module imports absolutely."""
    names = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    names |= {
        node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module
    }
    return {name.split(".")[0] for name in names}


def leaves_its_package(file: Path, pattern: Path) -> bool:
    """Tell whether a module's relative imports lead out of the pattern."""
    deepest = len(file.relative_to(pattern).parts) if pattern.is_dir() else 0
    tree = ast.parse(file.read_text(encoding="utf-8"))
    levels = {node.level for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    return max(levels, default=0) > deepest


def settings_read(tree: ast.Module) -> set[str]:
    """Return the names read as `settings.NAME` or `getattr(settings, "NAME", ...)`."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and is_settings(node.value) and node.attr.isupper():
            found.add(node.attr)
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in {"getattr", "hasattr"}
            and is_settings(node.args[0])
            and isinstance(node.args[1], ast.Constant)
        ):
            found.add(str(node.args[1].value))
    return found


def is_settings(node: ast.expr) -> bool:
    """Tell whether an expression is Django's settings."""
    return isinstance(node, ast.Name) and node.id == "settings"


def is_django_setting(name: str) -> bool:
    """Tell whether Django itself defines a setting."""
    from django.conf import global_settings

    # Of Django 6.1 and 6.0; the patterns are tested on earlier versions too.
    return hasattr(global_settings, name) or name in ("MAILERS", "TASKS")


def mentioned(pattern: Path) -> set[str]:
    """Return the constants and environment names that a pattern's code mentions as strings."""
    return {
        node.value
        for tree in trees(pattern)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.isupper()
    }
