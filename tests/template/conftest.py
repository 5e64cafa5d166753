"""Generation in this process, for tests that try many answers."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from cookiecutter.main import cookiecutter

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
    config = tmp_path / "cookiecutter.yml"
    config.write_text(
        json.dumps(
            {
                "cookiecutters_dir": str(tmp_path / "cookiecutters"),
                "replay_dir": str(tmp_path / "replay"),
            }
        )
    )

    def make_project(**answers: object) -> Path:
        return Path(
            cookiecutter(
                str(template),
                no_input=True,
                extra_context=answers,
                output_dir=str(output),
                config_file=str(config),
            )
        )

    return make_project
