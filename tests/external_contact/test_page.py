"""The examples of docs/external_contact.md run as they stand there."""

import re
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from patterns.external_contact import checks
from patterns.external_contact.errors import ExternalContact
from tests.external_contact import contacting
from tests.external_contact.asking import ask
from tests.external_contact.conftest import Outside

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "external_contact.md").read_text(encoding="utf-8")
SETTINGS, CONFTEST = re.findall(r"```python\n(.*?)```", PAGE, re.S)
[MESSAGE] = re.findall(r"\n\n```\n(.*?)```", PAGE, re.S)
LEAVES = """
import socket

def test_it():
    socket.create_connection(("203.0.113.7", 9), timeout=5)
"""


@pytest.mark.parametrize(("debug", "mode"), [(True, "raise"), (False, "log")])
def test_the_settings_pass_the_checks(settings: Any, debug: bool, mode: str) -> None:
    names: dict[str, Any] = {"DEBUG": debug, "INSTALLED_APPS": [], "MIDDLEWARE": ["another"]}
    exec(SETTINGS, names)
    assert names["EXTERNAL_CONTACT_MODE"] == mode
    settings.DEBUG, settings.CELERY_BROKER_URL = debug, "redis://broker"
    settings.MIDDLEWARE = names["MIDDLEWARE"]
    settings.EXTERNAL_CONTACT_MODE = mode
    settings.EXTERNAL_CONTACT_BROKERS = names["EXTERNAL_CONTACT_BROKERS"]
    assert [*checks.check_external_contact(), *checks.check_mode()] == []
    assert names["INSTALLED_APPS"] == [checks.__package__]


def test_the_message_is_what_a_request_is_told(settings: Any, outside: Outside) -> None:
    settings.EXTERNAL_CONTACT_MODE = "raise"
    with pytest.raises(ExternalContact) as raised:
        ask("/sync/x/", partial(contacting.connect, outside.port))
    told = f"ExternalContact: {raised.value}"
    assert in_general(" ".join(MESSAGE.split())) == in_general(told)


def in_general(message: str) -> str:
    """Leave out who asked whom, and where."""
    message = re.sub(r"[A-Z]+ /\S+ contacts \S+:\d+", "... contacts ...", message)
    return re.sub(r"\S+\.py:\d+ in \w+", "...", message)


def test_with_the_conftest_a_test_that_leaves_the_machine_fails(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(f"{DJANGO}{CONFTEST}", encoding="utf-8")
    (tmp_path / "test_it.py").write_text(LEAVES, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 1
    assert "ExternalContact: A test contacts 203.0.113.7:9" in done.stdout


# The project's own, whose settings the page supposes.
DJANGO = """
from django.conf import settings
settings.configure()
"""
