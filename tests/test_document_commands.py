"""Each `manage.py` command that the documents show is one that the generated project takes."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.documents.pages import PAGES
from tests.generation import generated
from tests.rules.conftest import PRODUCTION

# A command and its words, each in quotes or without; a redirection or a comment ends them.
SHOWN = re.compile(r"""manage\.py ([a-z_]+)((?: +(?:'[^']*'|"[^"]*"|[^\s`|#<>;…'"]+))*)""")
# Parsed in the project's own process, by the commands' own parsers.
PARSE = """
import json, sys
import django
django.setup()
from django.core.management import get_commands, load_command_class
for name, words in json.load(sys.stdin):
    app = get_commands().get(name)
    if app is None:
        print(f"manage.py {name}: no such command")
        continue
    command = load_command_class(app, name) if isinstance(app, str) else app
    if not words:
        continue
    try:
        command.create_parser("manage.py", name).parse_args(words)
    except (SystemExit, Exception) as error:
        print(f"manage.py {name} {' '.join(words)}: {error}")
"""


def shown() -> list[tuple[str, list[str]]]:
    """Return what the documents show, once each: a command, and its words as a shell has them."""
    found = {
        (name, words.strip())
        for page in PAGES
        for name, words in SHOWN.findall(page.read_text(encoding="utf-8"))
    }
    return [(name, shlex.split(words)) for name, words in sorted(found)]


@pytest.fixture(scope="module")
def shop(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("commands")
    return generated(template, folder, folder)


def test_the_documents_show_commands() -> None:
    assert {"failed", "tasks", "queues", "rules", "allclear"} <= {name for name, _ in shown()}
    assert len(shown()) > 20


def test_each_command_is_there_and_takes_what_is_shown(shop: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PARSE],
        input=json.dumps(shown()),
        cwd=shop,
        env={**PRODUCTION, "PATH": os.environ["PATH"], "DJANGO_SETTINGS_MODULE": "config.settings"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == []
