"""What is generated: the same each time, readable by its tools, made without a network."""

import filecmp
import json
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import yaml

# The files that hold answers. Any other is copied as it is, and a test compares it.
WITH_ANSWERS = {"pyproject.toml", "README.md", "config/project.toml", ".github/workflows/tests.yml"}
JINJA = ("{{", "{%", "{#")
# Generation that may neither connect, resolve a name nor start a program, and finds no git.
OFFLINE = """
import os, sys
CONTACTS = {"socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"}
def refuse(event, arguments):
    if event in CONTACTS or event.startswith(("subprocess", "os.exec", "os.posix_sp", "os.fork")):
        os.write(2, f"generation used {event} {arguments}".encode())
        os._exit(3)
sys.addaudithook(refuse)
os.environ["PATH"] = "/nonexistent"
from cookiecutter.cli import main
main()
"""


def test_two_generations_are_identical(run: Any, template: Path, tmp_path: Path) -> None:
    for output in ("first", "second"):
        run("cookiecutter", "--no-input", "--output-dir", tmp_path / output, template)

    first = contents(tmp_path / "first")
    assert first == contents(tmp_path / "second")
    assert "all_clear_shop/manage.py" in first


def test_generation_needs_no_network_no_git_and_no_other_program(
    run: Any, template: Path, output: Path, tmp_path: Path
) -> None:
    (tmp_path / "offline.py").write_text(OFFLINE)

    run("offline", "--no-input", "--output-dir", output, template)

    assert (output / "all_clear_shop/manage.py").is_file()


def test_no_hook_runs_at_generation(template: Path) -> None:
    assert not (template / "hooks").exists()


def test_the_template_has_jinja_only_where_answers_go(template: Path) -> None:
    source = template / "{{cookiecutter.project_slug}}"
    copied = json.loads((template / "cookiecutter.json").read_text())["_copy_without_render"]
    with_jinja = {
        name
        for name, content in contents(source).items()
        if not name.startswith("patterns/")
        and not any(fnmatch(part, path) for part in with_parents(name) for path in copied)
        and any(mark.encode() in content for mark in JINJA)
    }
    assert with_jinja - WITH_ANSWERS == set(), (
        "cookiecutter would render these: name them, or their folder, in _copy_without_render"
    )
    assert with_jinja == WITH_ANSWERS


def test_every_other_file_is_copied_as_it_is(make: Any, template: Path) -> None:
    source = template / "{{cookiecutter.project_slug}}"
    project = make()
    names = [
        name
        for name in contents(source)
        if name not in WITH_ANSWERS and not name.startswith("patterns/")
    ]

    assert sorted(contents(project)) == sorted(contents(source))
    _, differing, missing = filecmp.cmpfiles(source, project, names, shallow=False)
    assert (differing, missing) == ([], [])


def test_file_modes_are_kept(make: Any, template: Path) -> None:
    source = template / "{{cookiecutter.project_slug}}"
    project = make()

    for name in contents(source):
        assert (project / name).stat().st_mode == (source / name).stat().st_mode, name


def test_every_file_can_be_read_by_its_tool(make: Any) -> None:
    for name, content in contents(make()).items():
        text = content.decode("utf-8")
        match Path(name).suffix:
            case ".py":
                compile(text, name, "exec")
            case ".toml":
                tomllib.loads(text)
            case ".yml" | ".yaml":
                assert yaml.safe_load(text)


def test_the_template_s_own_toml_can_be_read_so_that_linters_work_in_it(template: Path) -> None:
    source = template / "{{cookiecutter.project_slug}}"

    for name in ("pyproject.toml", "config/project.toml"):
        assert tomllib.loads((source / name).read_text("utf-8"))


def test_the_workflow_keeps_its_own_expressions(make: Any) -> None:
    workflow = yaml.safe_load((make() / ".github/workflows/tests.yml").read_text())

    assert workflow["concurrency"]["group"] == "tests-${{ github.ref }}"
    setup = workflow["jobs"]["tests"]["steps"][1]
    assert setup["with"]["python-version"] == "${{ matrix.python }}"


def test_nothing_generated_is_made_at_first_run(make: Any) -> None:
    # A random secret would also differ between two generations, which the first test compares.
    project = make()

    assert not [name for name in (".env", "var", ".venv") if (project / name).exists()]


def test_git_ignores_what_is_made_at_first_run(make: Any) -> None:
    ignored = (make() / ".gitignore").read_text().split()

    assert {".env", "var/", ".venv/"} <= set(ignored)
    assert "uv.lock" not in ignored


def test_a_tool_s_cache_in_the_template_does_not_stop_generation(
    run: Any, own_template: Path, output: Path
) -> None:
    source = own_template / "{{cookiecutter.project_slug}}"
    for cache in ("config/__pycache__", ".ruff_cache/0.1", ".mypy_cache"):
        (source / cache).mkdir(parents=True)
        (source / cache / "entry").write_bytes(b"text \x89 and {{ no text" * 100)

    run("cookiecutter", "--no-input", "--output-dir", output, own_template)

    assert (output / "all_clear_shop/manage.py").is_file()


def with_parents(name: str) -> list[str]:
    """Return the path and the paths of the folders that it is in."""
    return [name, *(path.as_posix() for path in Path(name).parents)]


def contents(folder: Path) -> dict[str, bytes]:
    """Return the folder's files by relative path."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
