"""The generated README keeps what it says: its commands, processes and variables are there."""

import re
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def project(make: Any) -> Path:
    return Path(make())


@pytest.fixture
def readme(project: Path) -> str:
    return (project / "README.md").read_text("utf-8")


def test_every_variable_that_is_read_is_explained_with_whether_it_has_a_default(
    project: Path, readme: str
) -> None:
    settings = (project / "config/settings.py").read_text("utf-8")
    read = set(re.findall(r'env\.\w+\(\s*"([A-Z_]+)"', settings))
    gunicorn = (project / "config/gunicorn.py").read_text("utf-8")
    read |= set(re.findall(r'env\.\w+\("([A-Z_]+)"', gunicorn))

    assert read, "the settings read their variables in another way now: read them here so"
    rows = re.findall(r"^\| (`.+?`) \|", table(readme, "variable"), re.MULTILINE)
    assert read == set(re.findall(r"`([A-Z_]+)`", " ".join(rows)))


def test_the_variables_without_a_default_are_those_that_the_settings_require(
    project: Path, readme: str
) -> None:
    settings = (project / "config/settings.py").read_text("utf-8")
    required = set(re.findall(r'"([A-Z_]+)"', settings.split("env.require(")[1].split(")")[0]))

    without_default = re.findall(r"^\| `([A-Z_]+)` .* \| \|$", readme, re.MULTILINE)
    # Empty is Flower's usual address, and a choice, not a gap.
    assert set(without_default) - {"FLOWER_URL"} == required
    assert "the eight without a default" in " ".join(readme.split())
    assert len(required) == 8


def test_the_processes_are_those_of_the_procfile(project: Path, readme: str) -> None:
    procfile = (project / "Procfile").read_text("utf-8")

    processes = re.findall(r"^([a-z_]+):", procfile, re.MULTILINE)
    assert re.findall(r"^\| `([a-z_]+)`", table(readme, "process"), re.MULTILINE) == processes


def test_the_folders_are_there(project: Path, readme: str) -> None:
    folders = re.findall(r"`([a-z]+)`", table(readme, "folder"))

    assert folders
    assert [name for name in folders if not (project / name).is_dir()] == []


def test_the_commands_name_what_is_there(project: Path, readme: str) -> None:
    scripts = set(re.findall(r"uv run (?:--no-sync )?(\w+\.py)", readme))

    assert scripts == {"start.py", "manage.py"}
    assert all((project / script).is_file() for script in scripts)


def table(readme: str, first: str) -> str:
    """Return the table whose first column has this title."""
    return readme.split(f"\n| {first} |")[1].split("\n\n")[0]
