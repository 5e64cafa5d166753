"""Pins everything that a generated project installs, in the template's pyproject.toml.

Resolves the generated project's dependencies anew, for every Python and system at once, and writes
the exact versions between the two marks in the template. A lock file itself would carry the
addresses of a package index into every project; the versions alone do not, and `uv run` makes the
project's own lock from them. Run it by `nox -s lock`, or `python release/lock.py` where uv is.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

REPOSITORY = Path(__file__).parent.parent
PYPROJECT = REPOSITORY / "{{cookiecutter.project_slug}}" / "pyproject.toml"
BEGIN = "constraint-dependencies = [\n"
END = "]\n"


def main() -> None:
    """Resolve and rewrite; say how many versions are pinned and which changed."""
    text = PYPROJECT.read_text(encoding="utf-8")
    before = pins_of(text)
    pins = resolved(without_pins(text))
    PYPROJECT.write_text(with_pins(text, pins), encoding="utf-8")
    for pin in sorted(set(pins) - set(before)):
        print(f"new: {pin}")
    print(f"{len(pins)} versions are pinned in {PYPROJECT.relative_to(REPOSITORY)}")


def resolved(pyproject: str) -> list[str]:
    """Return `name==version`, with a marker where it does not hold everywhere, of all packages."""
    uv = shutil.which("uv") or sys.exit("uv is not on the PATH: run `nox -s lock`")
    with TemporaryDirectory() as folder:
        (Path(folder) / "pyproject.toml").write_text(answered(pyproject), encoding="utf-8")
        done = subprocess.run(  # noqa: S603  a fixed list of arguments, and no shell
            [
                *(uv, "pip", "compile", "--quiet", "--universal", "--upgrade"),
                *("--no-header", "--no-annotate", "--group", "dev", "pyproject.toml"),
            ],
            cwd=folder,
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
    if done.returncode:
        sys.exit("uv found no versions that fit together: relax a bound in the template")
    return [line.replace('"', "'") for line in done.stdout.splitlines()]


def answered(pyproject: str) -> str:
    """Return the template's text with any answer: only the dependencies matter here."""
    named = pyproject.replace("{{ cookiecutter.project_slug }}", "shop")
    return re.sub(r"\{\{.*?\}\}", "any@example.com", named)


def pins_of(pyproject: str) -> list[str]:
    """Return the pins that the template has."""
    return re.findall(r'^    "(.*)",$', split(pyproject)[1], re.MULTILINE)


def without_pins(pyproject: str) -> str:
    """Return the text without pins, which would hold the versions where they are."""
    return with_pins(pyproject, [])


def with_pins(pyproject: str, pins: list[str]) -> str:
    """Return the text with these pins."""
    before, _, after = split(pyproject)
    return before + BEGIN + "".join(f'    "{pin}",\n' for pin in pins) + END + after


def split(pyproject: str) -> tuple[str, str, str]:
    """Return what is before the list of pins, the list's lines, and what follows it."""
    before, found, rest = pyproject.partition(BEGIN)
    if not found:
        sys.exit(f"{PYPROJECT} has no line {BEGIN.strip()!r} in [tool.uv]: put it back")
    pins, _, after = rest.partition(END)
    return before, pins, after


if __name__ == "__main__":
    main()
