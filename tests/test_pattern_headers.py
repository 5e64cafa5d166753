"""Each pattern stands alone, and its header tells the truth about what it needs and reads."""

import ast
import re
import sys
import tomllib
from pathlib import Path

import pytest

from standalone.header import LABELS, Header, HeaderUnclear, patterns_in

PATTERNS = Path(__file__).parent.parent / "patterns"
# What is imported under another name than it is asked for under.
DISTRIBUTIONS = {
    "django_celery_beat": "django-celery-beat",
    "django_tasks": "django-tasks",
    "kombu": "celery",
}

patterns = list(patterns_in(PATTERNS))
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
    found = Header(pattern).parts
    assert [label for label in LABELS if label not in found] == []
    assert [label for label in LABELS if not found[label].strip()] == []


@each_pattern
def test_a_header_can_be_followed_to_the_letter(pattern: Path) -> None:
    header = Header(pattern)
    assert header.packages()
    for django in ((5, 2), (6, 0), (6, 1)):
        assert header.steps("kit.copied", django)
    assert all(is_python(value) for value in header.defaults("kit.copied").values())


@each_pattern
def test_a_worker_of_the_wiring_takes_from_each_queue_that_a_setting_names(pattern: Path) -> None:
    # A task in a queue that nobody takes from waits for ever, and nothing says so.
    header = Header(pattern)
    kept = [step.text for step in header.steps("kit.copied") if step.kind == "keep running"]
    taken = {
        name
        for text in kept
        for names in re.findall(r"-Q (\S+)", text)
        for name in names.split(",")
    }
    defaults = header.defaults("kit.copied").items()
    named = {ast.literal_eval(value) for setting, value in defaults if setting.endswith("_QUEUE")}
    assert named <= taken, f"{named - taken}: no worker under 'Keep running' has it in its -Q"


@pytest.mark.parametrize(
    ("wiring", "remedy"),
    [
        ("Wiring: add it, and run it.", "numbered steps"),
        ("Wiring:\n    1. Somewhere:\n           x = 1\n", "says not where to"),
        ("Wiring:\n    1. In settings.py\n           x = 1\n", "with a colon"),
        ("", "no part 'Wiring'"),
    ],
)
def test_a_header_that_cannot_be_followed_says_what_to_write(
    tmp_path: Path, wiring: str, remedy: str
) -> None:
    pattern = tmp_path / "vague.py"
    pattern.write_text(f'"""Do it.\n\n{wiring}\n"""\n', encoding="utf-8")
    with pytest.raises(HeaderUnclear, match=remedy):
        Header(pattern).steps("kit.copied")


@each_pattern
def test_a_pattern_names_itself_nowhere(pattern: Path) -> None:
    texts = {file: file.read_text(encoding="utf-8") for file in [*files(pattern), *pages(pattern)]}
    named = [file.name for file, text in texts.items() if re.search(r"\bpatterns[./]\w", text)]
    assert not named, f"{named} name the package as the kit has it: write <this package>"


@each_pattern
def test_a_header_names_the_packages_that_are_imported(pattern: Path) -> None:
    needs = Header(pattern).parts["Needs"].lower()
    packages = {name for tree in trees(pattern) for name in imported(tree)}
    packages -= set(sys.stdlib_module_names)
    missing = {name for name in packages if DISTRIBUTIONS.get(name, name) not in needs}
    assert not missing, f"{pattern.name} imports {missing}, which its header does not name"


@each_pattern
def test_a_header_names_exactly_the_settings_that_are_read(pattern: Path) -> None:
    named = set(re.findall(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b", Header(pattern).parts["Settings"]))
    read = {name for tree in trees(pattern) for name in settings_read(tree)}
    own = {name for name in read if not is_django_setting(name)}
    assert own <= named, f"{own - named} is read and not named in the header"
    assert named <= read | mentioned(pattern), f"{named - read} is named and never read"


@each_pattern
def test_a_header_says_the_kits_version(pattern: Path) -> None:
    project = tomllib.loads((PATTERNS.parent / "pyproject.toml").read_text(encoding="utf-8"))
    assert Header(pattern).part("Version").strip() == project["project"]["version"]


def files(pattern: Path) -> list[Path]:
    """Return the modules of a pattern."""
    return [pattern] if pattern.is_file() else sorted(pattern.rglob("*.py"))


def pages(pattern: Path) -> list[Path]:
    """Return a pattern's templates."""
    return sorted(pattern.rglob("*.html"))


def is_python(text: str) -> bool:
    """Tell whether a text is an expression."""
    return isinstance(ast.parse(text.strip(), mode="eval"), ast.Expression)


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
