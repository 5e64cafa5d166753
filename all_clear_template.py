"""The Jinja extension that fills the template's pattern stubs from `patterns/`.

Cookiecutter and cruft both render with the template's folder as the working directory,
so `../patterns` is the single source of each pattern.
"""

from pathlib import Path

from jinja2 import Environment
from jinja2.ext import Extension


class PatternSource(Extension):
    """Adds the global `pattern(path)`: the text of one file of `patterns/`."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        environment.globals["pattern"] = pattern_source


def pattern_source(path: str) -> str:
    """Return the text of `patterns/<path>` without its last newline, which the stub supplies."""
    return (Path.cwd().parent / "patterns" / path).read_text(encoding="utf-8").removesuffix("\n")
