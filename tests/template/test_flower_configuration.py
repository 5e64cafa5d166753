"""The template's Flower is one that flower_auth's own check takes for guarded."""

from typing import Any

from tests.servers import REPOSITORY

# isort: split
# Checks can be imported once that module has configured Django.
from patterns.flower_auth import commands


def test_the_generated_project_s_own_configuration_is_guarded(settings: Any) -> None:
    settings.BASE_DIR = REPOSITORY / "{{cookiecutter.project_slug}}"
    assert commands.is_guarded("config/flower.py")
