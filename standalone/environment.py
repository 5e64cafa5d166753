"""A Python environment of its own for each pattern, made by uv."""

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from .equipment import REPOSITORY
from .header import Version

LOCK = REPOSITORY / "requirements.lock"
# Addresses that nobody answers at: what is imported and checked needs no server.
NOWHERE = {"DATABASE_HOST": "none.invalid", "BROKER_URL": "redis://127.0.0.1:1/0"}
# Read in every process of the environment, since tests start theirs with variables and a folder of
# their own.
START_COVERAGE = """\
import os; os.environ.update(COVERAGE_PROCESS_START={config!r}, COVERAGE_FILE={counts!r}); \
import coverage; coverage.process_startup()
"""

# The exit status of coverage for less than was asked for.
BELOW = 2


class TestsIncomplete(Exception):
    """A pattern's own tests leave lines or branches of it out."""

    __test__ = False  # for pytest, which takes the name for a test's


class Environment:
    """The environment in a project's folder, for one version of Django.

    Packages are as requirements.lock has them, so that a run tells of a change and not of a release
    of the day; `is_lowest` takes the lowest that a header allows instead.
    """

    def __init__(self, folder: Path, *, django: Version, is_lowest: bool) -> None:
        """Make it, empty."""
        self.folder = folder
        self.python = folder / ".venv" / "bin" / "python"
        self.is_lowest = is_lowest
        self._uv("venv", "--quiet", "--python", sys.executable, folder / ".venv")
        self._constraints = folder / "constraints.txt"
        major, minor = django
        bounds = [f"django>={major}.{minor},<{major}.{minor + 1}"]
        self._constraints.write_text("\n".join(bounds + ([] if is_lowest else locked())) + "\n")

    def install(self, packages: Sequence[str], *, of_tests: bool = False) -> None:
        """Install packages; those `of_tests` never in their lowest version."""
        if not packages:
            return
        # psycopg alone asks for the system's libpq, which a user has and a test machine may not.
        wanted = [re.sub(r"^psycopg\b(?!\[)", "psycopg[binary]", package) for package in packages]
        lowest = ["--resolution", "lowest-direct"] if self.is_lowest and not of_tests else []
        options: list[str | Path] = [
            "--quiet",
            "--python",
            self.python,
            "--constraint",
            self._constraints,
        ]
        self._uv("pip", "install", *options, *lowest, *wanted)

    def run(self, *command: str | Path, is_strict: bool = True) -> None:
        """Run Python in the project's folder; `is_strict` has every warning an error."""
        strict = ["-W", "error"] if is_strict else []
        self._call(self.python, *strict, *command, **NOWHERE)

    def measure_coverage(self) -> None:
        """Have every process of this environment record which lines and branches it runs."""
        self.install(["coverage>=7.11"], of_tests=True)
        packages = next((self.folder / ".venv" / "lib").glob("python*/site-packages"))
        config, counts = str(self.folder / "pyproject.toml"), str(self.folder / ".coverage")
        start = START_COVERAGE.format(config=config, counts=counts)
        (packages / "coverage.pth").write_text(start)

    def report_coverage(self) -> None:
        """Say what was left out. Raises `TestsIncomplete` where that is any line or branch."""
        self._call(self.python, "-m", "coverage", "combine", "--quiet")
        try:
            self._call(self.python, "-m", "coverage", "report", "--fail-under=100")
        except subprocess.CalledProcessError as error:
            if error.returncode != BELOW:
                raise
            raise TestsIncomplete from error

    def _uv(self, *words: str | Path) -> None:
        self._call("uv", *words)

    def _call(self, *command: str | Path, **variables: str) -> None:
        # The session's own environment is not the pattern's.
        inherited = {name: value for name, value in os.environ.items() if name not in OF_SESSION}
        subprocess.run(command, cwd=self.folder, env=inherited | variables, check=True)


OF_SESSION = frozenset({"VIRTUAL_ENV", "PYTHONPATH", "DJANGO_SETTINGS_MODULE"})


def locked() -> list[str]:
    """Return what requirements.lock says of all packages but Django, without the hashes."""
    lines = LOCK.read_text(encoding="utf-8").splitlines()
    pins = [line.rstrip(" \\") for line in lines if line[:1].isalnum()]
    return [pin for pin in pins if not pin.startswith("django==")]
