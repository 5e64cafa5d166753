"""What the shop's processes find in their environment, and the database's tables before them."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from crash_lab.development_code import reaper
from demo.shop import DemoFailed

SHORT_FLOOD, FLOOD = 20_000, 1_000_000


def flood(*, is_short: bool) -> int:
    """Return how many tasks scenario 8 enqueues."""
    return SHORT_FLOOD if is_short else FLOOD


def cap(*, is_short: bool) -> int:
    """Return the cap of the queue without a worker: the flood is beyond the alarm at its half."""
    return flood(is_short=is_short) * 3 // 2


def process_environment(folder: Path, **variables: str) -> dict[str, str]:
    """Return the environment of every process of the shop in `folder`, with these variables."""
    programs = str(Path(sys.executable).parent)
    ours = ("PYTHONPATH", "DJANGO_SETTINGS_MODULE", "VIRTUAL_ENV")
    return {name: value for name, value in os.environ.items() if name not in ours} | {
        "PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "DJANGO_SETTINGS_MODULE": "lab_settings",
        "SECRET_KEY": "crash lab, of no worth to anybody else",
        "DEBUG": "True",
        "PAYMENTS_API_KEY": "crash-lab",
        reaper.BELONGS_TO: str(folder),
        **variables,
    }


def migrate(shop: Path, environment: Mapping[str, str]) -> None:
    """Make the shop's tables."""
    manage(shop, environment, "migrate", "--verbosity=0")


def manage(shop: Path, environment: Mapping[str, str], *command: str) -> str:
    """Run a command of the shop's `manage.py`, and return what it printed."""
    done = subprocess.run(
        [sys.executable, "manage.py", *command],
        cwd=shop,
        env=environment,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise DemoFailed(f"`manage.py {command[0]}` failed: {done.stderr[-2000:]}")
    return done.stdout
