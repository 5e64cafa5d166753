"""`uv run start.py`: from a fresh clone to a running shop in one command.

It makes `.env`, starts the servers that the environment does not name, migrates, makes a staff
user, runs the Procfile, and stops all of it at the end, however the end comes.
"""

import argparse
import os
import signal
import sys
from contextlib import ExitStack, suppress
from pathlib import Path
from types import FrameType
from typing import NoReturn

from development import environment, reaper
from development.ports import NoFreePort
from development.run import VAR, Run
from development.server import ServerFailed
from development.single import AlreadyRunning, Lock
from development.unprivileged import make_private

ROOT = VAR.parent
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
FAILURES = (ServerFailed, AlreadyRunning, environment.BadEnvironment, NoFreePort)


class Stopped(BaseException):
    """Somebody asked for the end, by Ctrl-C, a signal or a closed terminal."""


def main() -> int:
    """Run until the end comes; return 0 where somebody asked for it, 1 after a failure."""
    options = parse()
    for number in SIGNALS:
        signal.signal(number, stop)
    try:
        start(options)
    except Stopped:
        return 0
    except FAILURES as error:
        complain(str(error))
    except BrokenPipeError:
        pass  # whoever read the output has gone, as `| head` does
    except OSError as error:
        complain(f"{error}. See that the disk is not full, and that the folder is yours")
    return 1


def start(options: argparse.Namespace) -> None:
    """Start all, wait for the end, and leave nothing behind."""
    make_private(VAR)
    lock = Lock(VAR / "start.lock")
    if environment.make_once(ROOT / ".env"):
        print("made .env, with secrets of this machine's own", flush=True)
    reaper.end_all(VAR)  # what a killed start.py and a killed reaper left
    with ExitStack() as stack:
        Run(environment.effective(ROOT / ".env"), options, stack, lock).until_the_end()


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="start.py",
        description="Start the shop and all that it needs; Ctrl-C stops everything.",
        epilog="Variables in the environment or in .env: DATABASE_URL, BROKER_URL, "
        "ANALYTICS_BROKER_URL, EMAIL_URL and PAYMENTS_URL name servers to use instead of started "
        "ones; PORT, FLOWER_PORT, ANALYTICS_FLOWER_PORT, MAIL_PORT, PAYMENTS_PORT, BROKER_PORT and "
        "ANALYTICS_BROKER_PORT name ports; STAFF_EMAIL names the staff user.",
    )
    parser.add_argument("--port", type=port, help="the shop's port (default: PORT, or 8000)")
    parser.add_argument(
        "--free-ports", action="store_true", help="take ports that are free, as for a second copy"
    )
    parser.add_argument(
        "--ready-file",
        type=Path,
        metavar="FILE",
        help="write the addresses and the staff user to FILE, as JSON, once the shop answers",
    )
    parser.add_argument(
        "--reset-staff-password", action="store_true", help="give the staff user a new password"
    )
    return parser.parse_args()


def port(text: str) -> int:
    """Read a port of the command line."""
    try:
        return environment.port({"port": text}, "port", 0)
    except environment.BadEnvironment as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def stop(number: int, frame: FrameType | None) -> NoReturn:
    """End in order; the second time, at once."""
    for each in SIGNALS:
        signal.signal(each, stop_at_once)
    write("\nstopping in order; Ctrl-C once more stops at once\n")
    raise Stopped


def stop_at_once(number: int, frame: FrameType | None) -> NoReturn:
    """Kill whatever is left, and end."""
    write("stopping at once\n")
    reaper.end_all(VAR, stop_seconds=0)
    os._exit(128 + number)


def write(text: str) -> None:
    """Write from amid anything: `print` may not be entered twice, nor a closed terminal matter."""
    with suppress(OSError):
        os.write(1, text.encode())


def complain(text: str) -> None:
    """Say in one line why it ends."""
    print(f"start.py: {' '.join(text.split()).removesuffix('.')}.", file=sys.stderr)
