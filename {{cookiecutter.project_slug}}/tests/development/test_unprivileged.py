"""What is opened to PostgreSQL's user, and what stays closed."""

import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from development import unprivileged


@pytest.fixture
def closed() -> Iterator[Path]:
    """Give a closed folder, in one that everybody may pass through."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        yield Path(name).resolve()


def mode(folder: Path) -> int:
    return stat.S_IMODE(folder.stat().st_mode)


def test_what_it_opens_it_names_once(
    closed: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(unprivileged, "child_user", lambda: (os.geteuid(), os.getegid()))
    (closed / "data").mkdir()
    unprivileged.hand_over(closed / "data")
    assert (mode(closed), mode(closed / "data")) == (0o701, 0o700)
    told = capsys.readouterr().out
    assert told.endswith(f"to pass through: {closed}\n")
    assert len(told.splitlines()) == 1
    unprivileged.hand_over(closed / "data")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(("user", "expected"), [(None, 0o700), ((1, 1), 0o711)])
def test_a_private_folder_is_closed_also_where_it_was_open(
    closed: Path,
    monkeypatch: pytest.MonkeyPatch,
    user: tuple[int, int] | None,
    expected: int,
) -> None:
    monkeypatch.setattr(unprivileged, "child_user", lambda: user)
    (closed / "var").mkdir(mode=0o755)
    for folder in (closed / "var", closed / "new"):
        unprivileged.make_private(folder)
        assert mode(folder) == expected
