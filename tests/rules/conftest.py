"""A shop generated once, copies of it to break, and the environment of a production."""

import compileall
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.generation import generated

# A check takes two seconds on an idle machine, and the one with servers ten.
COMMAND_SECONDS = 240
# What a deployment sets. No check contacts a server: none of these is there.
PRODUCTION = {
    "PATH": os.environ["PATH"],
    "SECRET_KEY": "a-long-random-key-" + "0123456789abcdef" * 4,
    "DEBUG": "False",
    "SITE_URL": "https://shop.example.com",
    "DATABASE_URL": "postgresql://shop:pw@127.0.0.1:1/shop",
    "BROKER_URL": "redis://127.0.0.1:2/0",
    "ANALYTICS_BROKER_URL": "redis://127.0.0.1:3/0",
    "EMAIL_URL": "submission://shop:pw@mail.example.com",
    "PAYMENTS_URL": "https://payments.example.com",
    "PAYMENTS_API_KEY": "key",
    "ADMINS": "ops@example.com",
}
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def shop(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a generated shop that no test changes, compiled, as its copies are then."""
    folder = tmp_path_factory.mktemp("rules")
    made = generated(template, folder, folder)
    compileall.compile_dir(made, quiet=1)
    return made


@pytest.fixture
def own_shop(shop: Path, tmp_path: Path) -> Iterator[Path]:
    """Return a copy that the test may change."""
    copy = Path(shutil.copytree(shop, tmp_path / "shop"))
    yield copy
    shutil.rmtree(copy)


def run(project: Path, *command: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run a command of the project in a production's environment."""
    return subprocess.run(
        [sys.executable, *command],
        cwd=project,
        env={**PRODUCTION, **environment},
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS,
        check=False,
    )


def run_tests(project: Path, *tests: str) -> "subprocess.CompletedProcess[str]":
    """Run some of the project's own tests, which start servers of their own."""
    return subprocess.run(
        # A folder of its own: pytest closes the common one to other users, PostgreSQL's among them.
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
            *(f"--basetemp={project.parent / 'pytest'}", *tests),
        ],
        cwd=project,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS,
        check=False,
    )
