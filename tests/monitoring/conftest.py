"""A made shop in which a test of the shop's own kind is run, by this environment's Python."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.generation import generated

HERE = Path(__file__).parent
# A shop's servers, workers and a web server start, on a machine that runs everything else at once.
SECONDS = 600


@pytest.fixture
def shop(template: Path, tmp_path: Path) -> Path:
    """Return a freshly made shop."""
    return generated(template, tmp_path, tmp_path / "made")


@pytest.fixture
def run_in_shop(shop: Path, tmp_path: Path) -> Callable[[str], Path]:
    """Return what runs one of `in_shop/`'s tests in the shop, and returns what it wrote."""

    def run(name: str) -> Path:
        shutil.copy(HERE / "in_shop" / f"{name}.py", shop / "tests" / f"test_{name}.py")
        written = tmp_path / "written.json"
        # Not this run's own servers, settings and xdist.
        environment = {
            key: os.environ[key] for key in ("PATH", "HOME", "LANG") if key in os.environ
        }
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", f"tests/test_{name}.py"],
            cwd=shop,
            env=environment | {"WRITTEN": str(written)},
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
        assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-8000:]
        return written

    return run
