"""Gives every file of `patterns/` its stub in the template, and removes stubs without a source.

Run it after adding, moving or deleting a file of a pattern: `python release/stubs.py`.
"""

from pathlib import Path

REPOSITORY = Path(__file__).parent.parent
PATTERNS = REPOSITORY / "patterns"
STUBS = REPOSITORY / "{{cookiecutter.project_slug}}" / "patterns"


def main() -> None:
    """Write what is missing, remove what is left over, and say which."""
    wanted = {path: stub_text(path) for path in sources(PATTERNS)}
    for path, text in wanted.items():
        stub = STUBS / path
        if not stub.is_file() or stub.read_text(encoding="utf-8") != text:
            stub.parent.mkdir(parents=True, exist_ok=True)
            stub.write_text(text, encoding="utf-8")
            print(f"written: {path}")
    for path in sources(STUBS):
        if path not in wanted:
            (STUBS / path).unlink()
            print(f"removed: {path}")


def sources(folder: Path) -> list[str]:
    """Return the relative paths of a folder's files, without what Python and tools left there."""
    return sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file()
        and not any(
            part == "__pycache__" or part.startswith(".") for part in path.relative_to(folder).parts
        )
    )


def stub_text(path: str) -> str:
    """Return the one line that stands for a pattern's file in the template."""
    return f'{{{{ pattern("{path}") }}}}\n'


if __name__ == "__main__":
    main()
