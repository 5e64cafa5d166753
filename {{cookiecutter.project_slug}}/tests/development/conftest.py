"""Copies of the project for the tests of start.py."""

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from development.postgres import start_postgres
from tests.development.copies import SMALL, Copy


@pytest.fixture
def copy() -> Iterator[Copy]:
    """Give a copy of the project as it is after `git clone`."""
    made = Copy()
    yield made
    made.remove()


@pytest.fixture
def fresh_small_copy(copy: Copy) -> Copy:
    """Give a copy whose Procfile has one small process, and whose database few migrations."""
    (copy.folder / "Procfile").write_text(SMALL)
    settings = copy.folder / "config" / "settings.py"
    less = 'INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "accounts"]\n'
    settings.write_text(settings.read_text() + less)
    return copy


@pytest.fixture
def small_copy(fresh_small_copy: Copy, empty_database: Path) -> Copy:
    """Give the same with an empty database, which takes a second to make, in place."""
    fresh_small_copy.var.mkdir(mode=0o711)
    # cp keeps the owner too, who is another user where the tests run as root.
    subprocess.run(["cp", "-a", empty_database, fresh_small_copy.var], check=True)
    return fresh_small_copy


@pytest.fixture(scope="session")
def empty_database() -> Iterator[Path]:
    """Give a folder of PostgreSQL in which the shop's database has no tables yet."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        folder = Path(name) / "postgres"
        start_postgres(folder, database="shop", durable=False).stop()
        yield folder
