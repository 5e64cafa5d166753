"""Generation in this process, for tests that try many answers."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.generation import generated

Make = Callable[..., Path]


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """Return the empty folder in which a project is made."""
    folder = tmp_path / "output"
    folder.mkdir()
    return folder


@pytest.fixture
def make(tmp_path: Path, template: Path, output: Path) -> Make:
    """Return a function that makes a project with some answers given, and returns its folder."""

    def make_project(**answers: object) -> Path:
        return generated(template, tmp_path, output, **answers)

    return make_project
