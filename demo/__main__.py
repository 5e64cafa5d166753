"""`python -m demo`: make a shop, start it, play the story against it, then keep it running."""

import argparse
import contextlib
import fcntl
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from demo.chapters import CHAPTERS
from demo.client import Visitor
from demo.shop import DemoFailed, Shop, make_shop
from demo.telling import say, tell, tell_addresses, tell_end

REPOSITORY = Path(__file__).resolve().parent.parent
BUILD = REPOSITORY / "build" / "demo"
PASSED, FAILED, INTERRUPTED = 0, 1, 130


def main() -> int:
    """Return 0 where each chapter passed, 1 where one failed, 130 where somebody stopped it."""
    options = arguments()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    started = time.monotonic()
    try:
        with only_one_demo(), running_shop() as shop:
            passed = play(shop, started)
            if options.once:
                say("\nThe story is over: the shop is stopping.")
            else:
                stay(shop)
            return PASSED if passed else FAILED
    except DemoFailed as error:
        print(f"\ndemo: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        say("\nStopped.")
        return INTERRUPTED


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="nox -s demo --", description=__doc__)
    parser.add_argument("--once", action="store_true", help="end after the story")
    return parser.parse_args()


def stop(_signal: int, _frame: FrameType | None) -> None:
    """Let SIGTERM and a closed terminal end the demo as Ctrl-C does: in order, and whole."""
    raise KeyboardInterrupt


@contextlib.contextmanager
def only_one_demo() -> Iterator[None]:
    """Hold the build folder: a second demo would empty it under the first."""
    BUILD.mkdir(parents=True, exist_ok=True)
    with (BUILD / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise DemoFailed(
                f"another demo runs in this checkout (process {lock.read().strip()}): "
                "stop it with Ctrl-C first"
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


@contextlib.contextmanager
def running_shop() -> Iterator[Shop]:
    """Make a shop and start it; stop it, and what it started, at the end."""
    say("Making a shop in build/demo ...")
    folder = make_shop(REPOSITORY, BUILD)
    shop = Shop(folder)
    try:
        say("Starting a shop: the first time installs its packages ...")
        shop.start()
        shop.wait_for_workers()
        yield shop
    finally:
        shop.stop()


def play(shop: Shop, started: float) -> bool:
    """Play every chapter, also after one that failed; tell whether all passed."""
    with Visitor(shop.addresses) as staff:
        outcomes = [tell(number, chapter, shop, staff) for number, chapter in CHAPTERS]
    tell_end(outcomes, time.monotonic() - started)
    return all(outcomes)


def stay(shop: Shop) -> None:
    """Keep the shop open until Ctrl-C, or until it ends by itself."""
    tell_addresses(shop.addresses)
    try:
        shop.wait()
    except KeyboardInterrupt:
        say("\nStopping the shop ...")


if __name__ == "__main__":
    sys.exit(main())
