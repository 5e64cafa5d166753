"""Alarms outlive an outage of the database in a file, which one process of a machine writes."""

import errno
import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from patterns.failure_check import kept_in_file
from patterns.failure_check.kept_in_file import Kept
from patterns.failure_check.records import new
from tests.failure_check.conftest import problem

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
KEPT = Kept(at=NOW, is_ahead=True, records={"tap": new("taps", problem(), NOW, ["mail"])})


def test_what_is_written_is_read(tmp_path: Path) -> None:
    kept_in_file.write(KEPT)
    assert kept_in_file.read() == KEPT
    assert stat.S_IMODE((tmp_path / "alarms.json").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["alarms.json"]


def test_what_is_cleared_is_read_as_it_was_written() -> None:
    record = new("taps", problem("größe"), NOW, ["mail"])
    record.was_told("mail")
    record.clear(NOW + timedelta(hours=1), ["mail"])
    kept = Kept(at=NOW, records={record.name: record})
    kept_in_file.write(kept)
    assert kept_in_file.read() == kept


def test_where_nothing_was_written_nothing_is_kept() -> None:
    assert kept_in_file.read() == Kept()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"at": 1}', '{"at": "x", "is_ahead": 0}'])
def test_a_damaged_file_is_as_good_as_none(
    content: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "alarms.json").write_text(content)
    assert kept_in_file.read() == Kept()
    assert "is not readable, its alarms are told anew" in caplog.text


def test_without_a_file_the_process_remembers(settings: Any) -> None:
    settings.FAILURE_CHECK_STATE_FILE = ""
    kept_in_file.write(KEPT)
    assert kept_in_file.read() == KEPT
    with kept_in_file.locked() as is_ours:
        assert is_ours


def test_where_it_cannot_be_written_the_process_remembers(
    settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.FAILURE_CHECK_STATE_FILE = "/proc/alarms.json"
    kept_in_file.write(KEPT)
    assert kept_in_file.read() == KEPT
    assert "is not written, this process remembers the alarms" in caplog.text
    with kept_in_file.locked() as is_ours:
        assert is_ours
    assert "cannot be locked, another process may tell the same" in caplog.text


def test_what_a_full_disk_did_not_take_is_not_forgotten_for_the_older_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kept_in_file.write(Kept(at=NOW))
    with monkeypatch.context() as patch:
        patch.setattr(kept_in_file.json, "dump", is_full)
        kept_in_file.write(KEPT)  # as old as the file: a mirror of the same run
        assert kept_in_file.read() == KEPT
    newer = Kept(at=NOW + timedelta(minutes=1))
    kept_in_file.write(newer)
    assert kept_in_file.read() == newer


def is_full(*_: Any, **__: Any) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_one_at_a_time_holds_it() -> None:
    with kept_in_file.locked() as first, kept_in_file.locked() as second:
        assert (first, second) == (True, False)
    with kept_in_file.locked() as again:
        assert again
