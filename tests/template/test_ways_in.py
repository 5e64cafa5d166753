"""The template works from wherever it is taken, and a project follows it with cruft."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SLUG = "all_clear_shop"


@pytest.fixture
def work(run: Any, own_template: Path) -> Path:
    """Return a git working copy of the template, with one commit."""
    run("git", "init", "--quiet", "--initial-branch=main", cwd=own_template)
    commit_all(run, own_template, "First")
    return own_template


@pytest.fixture
def url(run: Any, work: Path, tmp_path: Path) -> str:
    """Return the URL of a bare repository from which the template can be cloned."""
    bare = tmp_path / "all-clear.git"
    run("git", "clone", "--quiet", "--bare", work, bare)
    run("git", "remote", "add", "origin", bare, cwd=work)
    return bare.as_uri()


@pytest.fixture
def expected(make: Any) -> dict[str, bytes]:
    """Return what a generation from the folder gives."""
    return files(make())


def test_from_a_folder(
    run: Any, template: Path, tmp_path: Path, expected: dict[str, bytes]
) -> None:
    run("cookiecutter", "--no-input", "-o", tmp_path / "made", template)

    assert files(tmp_path / "made" / SLUG) == expected


def test_from_the_folder_one_stands_in(
    run: Any, template: Path, tmp_path: Path, expected: dict[str, bytes]
) -> None:
    run("cookiecutter", "--no-input", "-o", tmp_path / "made", ".", cwd=template)

    assert files(tmp_path / "made" / SLUG) == expected


def test_from_a_git_url(run: Any, url: str, tmp_path: Path, expected: dict[str, bytes]) -> None:
    run("cookiecutter", "--no-input", "-o", tmp_path / "made", url)

    assert files(tmp_path / "made" / SLUG) == expected


def test_from_a_zip(run: Any, work: Path, tmp_path: Path, expected: dict[str, bytes]) -> None:
    archive = tmp_path / "all-clear.zip"
    run("git", "archive", "--prefix=all-clear-main/", "-o", archive, "HEAD", cwd=work)

    run("cookiecutter", "--no-input", "-o", tmp_path / "made", archive)

    assert files(tmp_path / "made" / SLUG) == expected


def test_with_replay(run: Any, template: Path, tmp_path: Path) -> None:
    answers = ["project_name={{ 7*7 }}", "project_slug=again", 'description=It\'s "<b>"']
    run("cookiecutter", "--no-input", "-o", tmp_path / "first", template, *answers)

    run("cookiecutter", "--replay", "-o", tmp_path / "second", template)

    assert files(tmp_path / "second/again") == files(tmp_path / "first/again")


def test_cruft_creates_the_same_project(
    run: Any, url: str, tmp_path: Path, expected: dict[str, bytes]
) -> None:
    run("cruft", "create", url, "--no-input", "--output-dir", tmp_path / "made")

    made = files(tmp_path / "made" / SLUG)
    assert json.loads(made.pop(".cruft.json"))["template"]
    assert made == expected


def test_cruft_creates_nothing_from_a_bad_answer(run: Any, url: str, output: Path) -> None:
    answers = '{"project_slug": "celery"}'

    refused = run(
        *("cruft", "create", url, "--no-input", "--output-dir", output),
        *("--extra-context", answers),
        check=False,
    )

    assert refused.returncode == 1
    assert (refused.stdout + refused.stderr).splitlines() == [
        "project_slug must not be 'celery', which Python, a dependency or a part of the project"
        " is called: answer celery_shop, say"
    ]
    assert list(output.iterdir()) == []


def test_cruft_check_and_diff_find_a_new_project_clean(run: Any, followed: Path) -> None:
    assert run("cruft", "check", cwd=followed).returncode == 0
    assert run("cruft", "diff", "--exit-code", cwd=followed).stdout == ""


def test_cruft_diff_shows_what_the_project_changed(run: Any, followed: Path) -> None:
    with (followed / "manage.py").open("a") as manage:
        manage.write("# ours\n")

    assert "# ours" in run("cruft", "diff", cwd=followed).stdout


def test_cruft_update_brings_a_changed_pattern_and_keeps_the_project_s_own_changes(
    run: Any, work: Path, followed: Path
) -> None:
    with (followed / "manage.py").open("a") as manage:
        manage.write("# ours\n")
    commit_all(run, followed, "Ours")
    change(work / "patterns/queues/__init__.py", lambda text: text + "\n\n# theirs\n")
    publish(run, work)

    assert run("cruft", "check", cwd=followed, check=False).returncode == 1
    run("cruft", "update", "--skip-apply-ask", cwd=followed)

    assert (followed / "patterns/queues/__init__.py").read_text().endswith("\n\n# theirs\n")
    assert (followed / "manage.py").read_text().endswith("# ours\n")
    assert not list(followed.rglob("*.rej"))
    assert run("cruft", "check", cwd=followed).returncode == 0


def test_cruft_update_merges_what_both_changed_in_one_file(
    run: Any, work: Path, followed: Path
) -> None:
    ours, theirs = "config/on_call.py", "{{cookiecutter.project_slug}}/config/on_call.py"
    change(followed / ours, lambda text: text + "\n\nOURS = 1\n")
    commit_all(run, followed, "Ours")
    change(work / theirs, lambda text: text.replace('"""', '"""Theirs. ', 1))
    publish(run, work)

    run("cruft", "update", "--skip-apply-ask", cwd=followed)

    merged = (followed / ours).read_text()
    assert merged.startswith('"""Theirs. ')
    assert merged.endswith("OURS = 1\n")
    assert not list(followed.rglob("*.rej"))


def test_cruft_update_loses_neither_side_where_both_changed_one_line(
    run: Any, work: Path, followed: Path
) -> None:
    ours, theirs = "config/on_call.py", "{{cookiecutter.project_slug}}/config/on_call.py"
    change(followed / ours, lambda text: text.replace('"""', '"""Ours. ', 1))
    commit_all(run, followed, "Ours")
    change(work / theirs, lambda text: text.replace('"""', '"""Theirs. ', 1))
    publish(run, work)

    done = run("cruft", "update", "--skip-apply-ask", cwd=followed, check=False)

    # As docs/template.md says: git's conflict marks, or the part that did not fit as a .rej file.
    kept = (followed / ours).read_text()
    kept += "".join(path.read_text() for path in followed.rglob("*.rej"))
    assert "Ours. " in kept
    assert "Theirs. " in kept
    assert "Traceback" not in done.stderr
    assert run("git", "status", "--short", cwd=followed).stdout


def test_cruft_update_brings_a_new_file_of_a_pattern(run: Any, work: Path, followed: Path) -> None:
    (work / "patterns/new.py").write_text('"""New."""\n')
    run("release.stubs", cwd=work)
    publish(run, work)

    run("cruft", "update", "--skip-apply-ask", cwd=followed)

    assert (followed / "patterns/new.py").read_text() == '"""New."""\n'


def test_cruft_update_serves_a_new_filter_and_a_new_question(
    run: Any, work: Path, followed: Path
) -> None:
    # One process renders the old template and the new one: neither may see the other's rules.
    change(work / "all_clear_answers.py", lambda text: text + '\nFILTERS["shouted"] = str.upper\n')
    change(
        work / "cookiecutter.json",
        lambda text: text.replace(
            '  "__prompts__"',
            '  "motto": "{{ cookiecutter.project_name | shouted }}",\n  "__prompts__"',
        ),
    )
    change(
        work / "{{cookiecutter.project_slug}}/config/project.toml",
        lambda text: text + 'motto = "{{ cookiecutter.motto | shouted | in_quotes }}"\n',
    )
    publish(run, work)

    run("cruft", "update", "--skip-apply-ask", cwd=followed)

    assert 'motto = "ALL CLEAR SHOP"' in (followed / "config/project.toml").read_text()


def test_answers_survive_cruft_update(run: Any, url: str, work: Path, tmp_path: Path) -> None:
    answers = json.dumps({"project_name": "{{ 7*7 }}", "project_slug": "kept"})
    run(*("cruft", "create", url, "--no-input"), *("--extra-context", answers))
    project = tmp_path / "kept"
    before = (project / "config/project.toml").read_bytes()
    change(work / "patterns/queues/__init__.py", lambda text: text + "\n\n# theirs\n")
    publish(run, work)

    run("cruft", "update", "--skip-apply-ask", cwd=project)

    assert (project / "config/project.toml").read_bytes() == before
    assert b'"{{ 7*7 }}"' in before


@pytest.fixture
def followed(run: Any, url: str, tmp_path: Path) -> Path:
    """Return a project that cruft made, committed to a git repository of its own."""
    run("cruft", "create", url, "--no-input", "--output-dir", tmp_path / "made")
    project = tmp_path / "made" / SLUG
    run("git", "init", "--quiet", "--initial-branch=main", cwd=project)
    commit_all(run, project, "First")
    return project


def publish(run: Any, work: Path) -> None:
    """Commit the template's changes and push them to where projects were made from."""
    commit_all(run, work, "Change")
    run("git", "push", "--quiet", "origin", "main", cwd=work)


def commit_all(run: Any, repository: Path, message: str) -> None:
    """Commit all that changed."""
    run("git", "add", "--all", cwd=repository)
    run("git", "commit", "--quiet", "-m", message, cwd=repository)


def change(file: Path, edit: Callable[[str], str]) -> None:
    """Write the file's edited text."""
    file.write_text(edit(file.read_text("utf-8")), "utf-8")


def files(folder: Path) -> dict[str, bytes]:
    """Return the folder's files by relative path."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
