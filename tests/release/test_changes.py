"""Whoever copied a pattern is told what has changed since."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def kit(tmp_path: Path, template: Path) -> Path:
    """A kit of version 0.3.0, whose queued_mail says so, with a changelog of three versions."""
    kit = Path(shutil.copytree(template, tmp_path / "kit"))
    project = kit / "pyproject.toml"
    project.write_text(project.read_text().replace('version = "0.1.0"', 'version = "0.3.0"', 1))
    (kit / "CHANGELOG.md").write_text(
        "# Changelog\n\n## 0.3.0\n\n- `queued_mail`: mails\n  that expire.\n- `queues`: pools.\n"
        "\n## 0.2.0\n\n### Fixed\n- `patterns/queued_mail/`: a lost header.\n"
        "\n## 0.1.0\n\n- `queued_mail`: the first one.\n"
    )
    return kit


@pytest.fixture
def copy(kit: Path, tmp_path: Path) -> Path:
    """A copy that somebody made of queued_mail as it was in 0.1.0."""
    copy = Path(shutil.copytree(kit / "patterns" / "queued_mail", tmp_path / "app" / "queued_mail"))
    header = copy / "__init__.py"
    assert "\nVersion: 0.1.0" in header.read_text()
    (kit / "patterns" / "queued_mail" / "__init__.py").write_text(
        header.read_text().replace("\nVersion: 0.1.0", "\nVersion: 0.3.0")
    )
    return copy


def changes(kit: Path, *arguments: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, kit / "release" / "changes.py", *arguments]
    return subprocess.run([str(word) for word in command], capture_output=True, text=True)


def test_a_fresh_copy_is_what_the_kit_has(kit: Path, tmp_path: Path) -> None:
    fresh = shutil.copytree(kit / "patterns" / "queued_mail", tmp_path / "queued_mail")
    done = changes(kit, fresh)
    assert done.returncode == 0
    assert "The copy is what the kit has." in done.stdout


def test_the_changelog_since_its_version_is_told_of_this_pattern_alone(
    kit: Path, copy: Path
) -> None:
    done = changes(kit, copy)
    assert done.returncode == 1
    assert "the copy is of version 0.1.0, the kit's is 0.3.0" in done.stdout
    assert "0.3.0: `queued_mail`: mails that expire.\n" in done.stdout
    assert "0.2.0: `patterns/queued_mail/`: a lost header.\n" in done.stdout
    assert "pools" not in done.stdout
    assert "the first one" not in done.stdout


def test_each_file_that_differs_is_named_also_one_that_is_there_on_one_side_alone(
    kit: Path, copy: Path
) -> None:
    (copy / "backend.py").write_text((copy / "backend.py").read_text() + "# ours\n")
    (copy / "own.py").write_text("OWN = 1\n")
    (kit / "patterns" / "queued_mail" / "newer.py").write_text("NEWER = 1\n")
    done = changes(kit, copy, "--diff")
    assert "backend.py: 0 lines in the kit alone, 1 in the copy alone\n" in done.stdout
    assert "own.py: 0 lines in the kit alone, 1 in the copy alone\n" in done.stdout
    assert "newer.py: 1 lines in the kit alone, 0 in the copy alone\n" in done.stdout
    assert "\n-# ours\n" in done.stdout
    assert "\n+NEWER = 1\n" in done.stdout


def test_a_copy_of_another_name_says_which_pattern_it_is(kit: Path, copy: Path) -> None:
    renamed = copy.rename(copy.parent / "mailing")
    refused = changes(kit, renamed)
    assert refused.returncode == 2
    assert "--name" in refused.stderr
    assert "queued_mail" in refused.stderr
    assert changes(kit, renamed, "--name", "queued_mail").returncode == 1


@pytest.mark.parametrize("name", ["__init__.py", "LICENSE", ".."])
def test_what_is_no_pattern_is_refused(kit: Path, copy: Path, name: str) -> None:
    done = changes(kit, copy, "--name", name)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_a_copy_whose_header_says_no_version_is_refused_with_what_is_missing(
    kit: Path, copy: Path
) -> None:
    (copy / "__init__.py").write_text('"""Mails."""\n')
    done = changes(kit, copy)
    assert done.returncode == 2
    assert "Version:" in done.stderr


def test_what_is_not_there_is_refused(kit: Path, tmp_path: Path) -> None:
    done = changes(kit, tmp_path / "queued_mail")
    assert (done.returncode, done.stdout) == (2, "")
    assert "There is no" in done.stderr
