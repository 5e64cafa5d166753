"""The Jinja extension of the template: pattern stubs, and answers that stay what was typed.

Cookiecutter and cruft both render with the template's folder as the working directory, so
`../patterns` is the single source of each pattern, from a directory, a clone and a zip alike.

Keep this module as it is. `cruft update` renders the old and the new template in one process, and
Python imports a module once: the rules that may change are in `all_clear_answers.py`, which is read
anew for each rendering.
"""

import json
import re
import runpy
from importlib.machinery import PathFinder
from pathlib import Path

from jinja2 import Environment
from jinja2.ext import Extension

# Cookiecutter renders this name of the project's folder before it makes anything.
FOLDER = "{{cookiecutter.project_slug}}"
# What cookiecutter.json itself may hold: a reference to an answer, through filters.
REFERENCE = re.compile(r"\{\{ cookiecutter\.\w+( \| \w+)* \}\}")


class PatternSource(Extension):
    """Adds the global `pattern(path)` and the filters of `all_clear_answers.py`."""

    def __init__(self, environment: Environment) -> None:
        """Make both known to every template of this environment."""
        super().__init__(environment)
        environment.globals["pattern"] = pattern_source
        environment.filters.update(answer_filters())

    def preprocess(
        self,
        source: str,
        name: str | None,
        filename: str | None = None,  # noqa: ARG002  Jinja passes it; `name` says all that is asked
    ) -> str:
        """Check all answers where the folder is named; keep an answer from being rendered.

        Cookiecutter renders what it is given by option, configuration or cruft: `{{ 7*7 }}` in a
        name would come out as 49, and `{% raw %}` as nothing. Only a file of the template has a
        name here; every other text but the template's own becomes a literal.
        """
        if name is not None or REFERENCE.fullmatch(source):
            return source
        if source == FOLDER:
            return "{{ cookiecutter | checked_slug }}"
        return "{{ " + json.dumps(source, ensure_ascii=False) + " }}"


def pattern_source(path: str) -> str:
    """Return the text of `patterns/<path>` without its last newline, which the stub supplies."""
    return (Path.cwd().parent / "patterns" / path).read_text(encoding="utf-8").removesuffix("\n")


def answer_filters() -> dict[str, object]:
    """Return the filters of the template that is being rendered, past Python's import cache."""
    spec = PathFinder.find_spec("all_clear_answers")
    if spec is None or spec.origin is None:
        raise ImportError("all_clear_answers.py is missing beside all_clear_template.py")
    return dict(runpy.run_path(spec.origin)["FILTERS"])
