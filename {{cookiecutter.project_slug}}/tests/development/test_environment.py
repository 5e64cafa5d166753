"""`.env`: made once, read strictly."""

import os
import stat
from pathlib import Path

import pytest

from development import environment
from development.environment import BadEnvironment


def test_the_first_start_makes_secrets_for_the_owner_only(tmp_path: Path) -> None:
    files = [tmp_path / "one", tmp_path / "two"]
    assert all(environment.make_once(file) for file in files)
    one, two = (environment.read(file) for file in files)
    assert set(one) == {"DEBUG", *environment.SECRETS}
    assert all(one[name] != two[name] and len(one[name]) >= 50 for name in environment.SECRETS)
    assert stat.S_IMODE(files[0].stat().st_mode) == 0o600
    assert sorted(tmp_path.iterdir()) == files


def test_an_existing_env_is_never_touched(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("SECRET_KEY=mine\n")
    assert not environment.make_once(tmp_path / ".env")
    assert (tmp_path / ".env").read_text() == "SECRET_KEY=mine\n"


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"A=1\nnot a variable\n", "line 2"),
        (b"A=1\n\nB='open\n", "line 3"),
        (b"A=1\nB\n", "line 2"),
        (b"A=\xff\n", "UTF-8"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, content: bytes, line: str) -> None:
    (tmp_path / ".env").write_bytes(content)
    with pytest.raises(BadEnvironment, match=line):
        environment.read(tmp_path / ".env")


def test_the_environment_goes_before_env(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("PORT=1\nOTHER='a b' # note\n")
    monkeypatch.setenv("PORT", "2")
    effective = environment.effective(tmp_path / ".env")
    assert (effective["PORT"], effective["OTHER"]) == ("2", "a b")
    assert effective["PATH"] == os.environ["PATH"]


@pytest.mark.parametrize("value", ["it's", "a\\b", "#no comment", "é\"'\\'"])
def test_what_runs_is_read_back_as_it_was(tmp_path: Path, value: str) -> None:
    environment.write_running(tmp_path / "servers.env", {"BROKER_URL": value})
    assert environment.read(tmp_path / "servers.env") == {"BROKER_URL": value}


@pytest.mark.parametrize("value", ["", "0", "65536", "-1", "8000a", "٨٠", "8000 "])
def test_what_is_no_port_is_refused(value: str) -> None:
    with pytest.raises(BadEnvironment, match=r"PORT=.* is not a port"):
        environment.port({"PORT": value}, "PORT", 8000)


def test_a_crash_amid_writing_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    environment.write_private(file, "old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        environment.write_private(file, "new")
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]
