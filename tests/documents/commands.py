"""The commands that the pages show in blocks of their own, as a shell splits them."""

import re
import shlex
from collections.abc import Iterator

from tests.documents.pages import BLOCKS, ROOT, Block

# These programs' own parsers read what is shown: tests/documents/test_commands.py.
PROGRAMS = {"celery", "cd", "cookiecutter", "cruft", "nox", "pip", "python", "uv"}
# Of a block of commands every line is one, but for what a `$` sets apart as an answer.
LANGUAGES = {"", "sh", "console"}


def commands_of(block: Block) -> list[list[str]]:
    """Return the words of each command, [] where the block is no block of commands alone."""
    if block.language not in LANGUAGES:
        return []
    lines = block.text.replace("\\\n", " ").splitlines()
    if any(line.startswith("$ ") for line in lines):
        lines = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
    commands = [command for line in lines for command in _split(line)]
    return commands if all(words[0] in PROGRAMS for words in commands) else []


def _split(line: str) -> Iterator[list[str]]:
    """Yield the commands of a line, each with its program's bare name first."""
    try:
        words = shlex.split(line.replace("<this repository>", str(ROOT)), comments=True)
    except ValueError:
        words = [line]
    for part in re.split(r" && ", shlex.join(words).replace("'&&'", "&&")):
        program, *rest = shlex.split(part)
        program = re.sub(r"^\.venv/bin/|(?<=^python)3$", "", program)
        if program == "uvx":
            program, *rest = rest
        if program == "manage.py":
            program, rest = "python", ["manage.py", *rest]
        yield [program, *rest]


COMMANDS = [(block, words) for block in BLOCKS for words in commands_of(block)]
