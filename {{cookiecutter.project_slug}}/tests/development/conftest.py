"""Copies of the project for the tests of start.py."""

from collections.abc import Iterator

import pytest

from tests.development.copies import SMALL, Copy


@pytest.fixture
def copy() -> Iterator[Copy]:
    """Give a copy of the project as it is after `git clone`."""
    made = Copy()
    yield made
    made.remove()


@pytest.fixture
def small_copy(copy: Copy) -> Copy:
    """Give a copy whose Procfile has one small process, and whose database no migrations."""
    (copy.folder / "Procfile").write_text(SMALL)
    settings = copy.folder / "config" / "settings.py"
    less = 'INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "accounts"]\n'
    settings.write_text(settings.read_text() + less)
    return copy
