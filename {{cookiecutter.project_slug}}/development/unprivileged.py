"""PostgreSQL refuses to run as root, as in containers and CI: there it runs as `nobody`."""

import os
import pwd
import stat
from pathlib import Path

USER = "nobody"  # there on Linux and macOS, so that no account has to be made


def child_user() -> tuple[int, int] | None:
    """Return the user and group to start a child as, None for one's own."""
    if os.geteuid() != 0:
        return None
    account = pwd.getpwnam(USER)
    return account.pw_uid, account.pw_gid


def make_private(folder: Path) -> None:
    """Make `folder`, or close the one that is there: nobody else lists or reads what is in it.

    Where PostgreSQL runs as another user, that one may pass through.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700 if child_user() is None else 0o711)


def hand_over(folder: Path, programs: Path | None = None) -> None:
    """Give `folder` to the unprivileged user, if there is need of one, and a way to reach it.

    The way is the right to pass through the folders above (not to list or read them). Where
    root's own umask hides the programs, they are made readable too. What that changes is told.
    """
    user = child_user()
    if user is None:
        folder.chmod(0o700)
        return
    os.chown(folder, *user)
    folder.chmod(0o700)
    changed = _let_pass(folder.parent)
    if programs is not None:
        changed += [*_let_pass(programs), *_make_readable(programs.parent)]
    if changed:
        names = ", ".join(map(str, changed))
        print(f"PostgreSQL runs as {USER}; opened for that, to pass through: {names}", flush=True)


def _let_pass(folder: Path) -> list[Path]:
    changed = []
    for above in (folder, *folder.resolve().parents):
        mode = stat.S_IMODE(above.stat().st_mode)
        if not mode & stat.S_IXOTH:
            above.chmod(mode | stat.S_IXOTH)
            changed.append(above)
    return changed


def _make_readable(folder: Path) -> list[Path]:
    program = folder / "bin" / "postgres"
    if program.stat().st_mode & stat.S_IXOTH and folder.stat().st_mode & stat.S_IXOTH:
        return []
    for path in (folder, *folder.rglob("*")):
        mode = stat.S_IMODE(path.stat().st_mode)
        # A program's right to be executed, and a folder's to be entered, extend to the others.
        path.chmod(mode | stat.S_IROTH | (stat.S_IXOTH if mode & stat.S_IXUSR else 0))
    return [folder]
