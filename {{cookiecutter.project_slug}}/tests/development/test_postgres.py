"""PostgreSQL in a folder, whatever the folder is called and however it was left."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg
import pytest

from development import reaper
from development.postgres import start_postgres
from development.server import ServerFailed


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        yield Path(name)
        reaper.end_all(Path(name))


@pytest.mark.parametrize("name", ["plain", "a space, a comma & 100%é", "long" * 25])
def test_any_folder_will_do(folder: Path, name: str) -> None:
    server = start_postgres(folder / name, database="Shop's own", durable=False)
    with psycopg.connect(server.url) as connection:
        row = connection.execute("SELECT current_database(), lower('Ä')").fetchone()
    assert row == ("Shop's own", "ä")
    server.stop()
    assert reaper.belonging_to(folder) == []
    assert server.temporary is None or not server.temporary.exists()


def test_kill_9_loses_nothing_that_was_committed(folder: Path) -> None:
    first = start_postgres(folder / "pg", database="shop")
    with psycopg.connect(first.url) as connection:
        connection.execute("CREATE TABLE kept (n int)")
        connection.execute("INSERT INTO kept VALUES (1)")
    # All are waited for, also one that was forked meanwhile: the next server would find the memory
    # that they share still in use.
    while left := reaper.belonging_to(folder):
        for process in left:
            with suppress(psutil.NoSuchProcess):  # a child that ended as its parent had been killed
                process.kill()
        psutil.wait_procs(left, timeout=reaper.STOP_SECONDS)
    first.process.wait()
    second = start_postgres(folder / "pg", database="shop")
    with psycopg.connect(second.url) as connection:
        assert connection.execute("SELECT n FROM kept").fetchone() == (1,)
    second.stop()


def test_it_listens_on_no_port_and_lets_no_other_user_in(folder: Path) -> None:
    server = start_postgres(folder / "pg", database="shop", durable=False)
    with psycopg.connect(server.url) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
    assert (folder / "pg").stat().st_mode & 0o077 == 0
    server.stop()


def test_a_start_that_fails_says_why_and_leaves_nothing(folder: Path) -> None:
    start_postgres(folder / "pg", database="shop", durable=False).stop()
    (folder / "pg" / "data" / "postgresql.conf").write_text("nonsense\n")
    with pytest.raises(ServerFailed, match="syntax error in file"):
        start_postgres(folder / "pg", database="shop", durable=False)
    assert reaper.belonging_to(folder) == []


def test_an_interrupted_first_start_is_made_again(folder: Path) -> None:
    (folder / "pg" / "unfinished").mkdir(parents=True)
    (folder / "pg" / "unfinished" / "PG_VERSION").write_text("18\n")
    os.chmod(folder / "pg", 0o700)
    server = start_postgres(folder / "pg", database="shop", durable=False)
    psycopg.connect(server.url).close()
    server.stop()
