"""The crash lab: make a shop, kill what runs it, and count what became of every promise.

Each scenario is bounded in time and chooses by the seed what to kill; the table at the end counts
what was committed, done, lost and doubled. It exits with 1 where a promise broke, and keeps the
processes' logs. Ctrl-C leaves no process, port or data behind.
"""

import argparse
import json
import os
import random
import shutil
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType

import httpx
import psycopg
import redis

from crash_lab.account import Account, table
from crash_lab.development_code import REPOSITORY, ServerFailed
from crash_lab.evidence import keep_evidence
from crash_lab.lab import Lab
from crash_lab.scenarios import SCENARIOS
from demo.client import ClaimFailed
from demo.shop import DemoFailed
from demo.telling import say

BUILD = REPOSITORY / "build" / "crash"
HELD, BROKEN, INTERRUPTED = 0, 1, 130
# What a scenario may run into when the shop is worse off than it should be.
TROUBLES = (httpx.HTTPError, psycopg.Error, redis.RedisError, ClaimFailed, ServerFailed, OSError)


def main() -> int:
    """Return 0 where each promise held, 1 where one broke, 130 where somebody stopped it."""
    options = arguments()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    return play_in_a_row(options, play)


def play_in_a_row(
    options: argparse.Namespace, play: Callable[[argparse.Namespace], tuple[int, list[Account]]]
) -> int:
    """Play as many runs as asked for, each with the next seed; one that breaks is the last."""
    summaries: list[str] = []
    code = HELD
    for number in range(options.times):
        code, accounts = play(options)
        if code != INTERRUPTED:
            summaries.append(f"run {number + 1} of {options.times}, {summary(options, accounts)}")
        if code != HELD:
            break
        options.seed += 1
    if options.times > 1:
        say("\n" + "\n".join(summaries))
    return code


def summary(options: argparse.Namespace, accounts: list[Account]) -> str:
    """Return one run's counts in a line."""
    held = [account for account in accounts if account.holds]
    return (
        f"seed {options.seed}: {len(held)} of {len(options.scenario)} scenarios hold; "
        f"{sum(account.kills for account in accounts):,} kills, "
        f"{sum(account.committed for account in accounts):,} committed, "
        f"{sum(account.lost for account in accounts)} lost, "
        f"{sum(account.doubled for account in accounts)} doubled, "
        f"{sum(account.mailed_twice for account in accounts)} mails twice "
        f"({sum(account.seconds for account in accounts):.0f} s)"
    )


def play(options: argparse.Namespace) -> tuple[int, list[Account]]:
    """Play the scenarios once, on a shop of their own; return how it ended, and the accounts."""
    folder = BUILD / f"{options.seed}-{os.getpid()}"
    accounts: list[Account] = []
    try:
        say(f"Crash lab, seed {options.seed}: making a shop in {folder} ...")
        with Lab(folder, is_short=options.short) as lab:
            for number in options.scenario:
                accounts.append(run(number, lab, options.seed))
                if stopped.is_set():
                    raise KeyboardInterrupt
    except DemoFailed as error:
        print(f"\ncrash lab: {error}\nThe logs: {folder / 'logs'}", file=sys.stderr)
        return BROKEN, accounts
    except KeyboardInterrupt:
        say("\nStopped.")
        shutil.rmtree(folder, ignore_errors=True)
        return INTERRUPTED, accounts
    return finish(accounts, options, folder), accounts


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line, or these words."""
    parser = argparse.ArgumentParser(
        prog="nox -s crash --",
        description=__doc__,
        epilog="scenarios: "
        + " ".join(f"{number} {scenario.__doc__}" for number, scenario in SCENARIOS.items()),
    )
    parser.add_argument("--seed", type=int, help="what is killed when (default: a new one)")
    parser.add_argument("--short", action="store_true", help="smaller numbers, as in CI")
    parser.add_argument(
        "--json",
        type=Path,
        metavar="FILE",
        help="write the accounts there too: those of the last run",
    )
    parser.add_argument(
        "--times",
        type=times,
        default=1,
        metavar="N",
        help="run so often, each time with the next seed, until one breaks (default: once)",
    )
    parser.add_argument(
        "--scenario", type=numbers, default=list(SCENARIOS), help="only these: 1,4 (default: all)"
    )
    options = parser.parse_args(words)
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(10_000)
    return options


def numbers(text: str) -> list[int]:
    """Read the numbers of scenarios, separated by commas."""
    chosen = [int(number) for number in text.split(",")]
    unknown = sorted(set(chosen) - set(SCENARIOS))
    if unknown:
        raise argparse.ArgumentTypeError(f"there is no scenario {unknown[0]}: 1 to 9")
    return chosen


def times(text: str) -> int:
    """Read how many runs are wanted."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of runs: 1 or more")
    return int(text)


stopped = threading.Event()


def stop(_signal: int, _frame: FrameType | None) -> None:
    """Let SIGTERM and a closed terminal end the lab as Ctrl-C does: in order, and whole.

    Python forgets what is raised while it tidies up an object: raised again after the scenario.
    """
    stopped.set()
    raise KeyboardInterrupt


def run(number: int, lab: Lab, seed: int) -> Account:
    """Run one scenario and tell how it went; what it cannot bear is a breach as well."""
    scenario = SCENARIOS[number]
    account = Account(number=number, title=(scenario.__doc__ or "").rstrip("."))
    say(f"\n{number}. {account.title}")
    # Each has a chance of its own, so that one alone does what it does among the others.
    lab.chance = random.Random(f"{seed}/{number}")  # noqa: S311  chance, not secrets
    try:
        lab.begin()
        scenario(lab, account)
    except TROUBLES as error:
        account.expect(False, f"it did not come to its end: {type(error).__name__}: {error}")
        account.note(traceback.format_exc(limit=-3).strip())
    account.close()
    if not account.holds:
        keep_evidence(lab, number)
    for line in account.notes:
        say(f"     {line}")
    for breach in account.breaches:
        say(f"   ✗ {breach}")
    say(f"   {'✓ holds' if account.holds else '✗ BROKEN'} ({account.seconds:.0f} s)")
    return account


def finish(accounts: list[Account], options: argparse.Namespace, folder: Path) -> int:
    """Print the table, and keep the logs where something broke."""
    if options.json is not None:
        values = {"seed": options.seed, "scenarios": [account.as_json() for account in accounts]}
        options.json.write_text(json.dumps(values, indent=2), encoding="utf-8")
    broken = [account.number for account in accounts if not account.holds]
    say(f"\nSeed {options.seed}{', short' if options.short else ''}\n\n{table(accounts)}\n")
    if broken:
        say(f"Broken: {', '.join(map(str, broken))}. The logs: {folder / 'logs'}")
        return BROKEN
    say("All clear!")
    shutil.rmtree(folder, ignore_errors=True)
    return HELD


if __name__ == "__main__":
    sys.exit(main())
