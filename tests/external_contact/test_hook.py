"""The hook is there once, whoever asks for it, and can be imported anew."""

import subprocess
import sys
from typing import Any

from patterns.external_contact import hook

ONCE = """
import sys
added = []
sys.addaudithook(lambda event, args: added.append(event) if event == "sys.addaudithook" else None)
from patterns.external_contact import hook
assert added == [], "importing it adds nothing"
hook.install()
hook.install()
assert len(added) == 1, added
"""
ANEW = """
import importlib, socket
from django.conf import settings
settings.configure(EXTERNAL_CONTACT_MODE="log", DATABASES={}, CACHES={})
from patterns.external_contact import counting, hook, scope
hook.install()
importlib.reload(hook)
token = hook.enter(scope.Scope(is_test=True))
try:
    socket.create_connection(("203.0.113.7", 9), timeout=0.01)
except OSError:
    pass
assert counting.total() == 1, counting.total()
hook.leave(token)
"""


def test_it_is_added_at_the_first_use_and_once() -> None:
    run(ONCE)


def test_imported_anew_it_sees_nothing_twice() -> None:
    run(ANEW)


def test_what_the_hook_asks_itself_is_not_the_requests(monkeypatch: Any) -> None:
    met = []

    class Asking:
        def meet(self, event: str, args: Any) -> None:
            met.append(event)
            sys.audit("socket.getaddrinfo", "x", 1)

    token = hook.enter(Asking())  # type: ignore[arg-type]
    try:
        sys.audit("socket.connect", None, None)
        sys.audit("open", "x", "r", 0)
    finally:
        hook.leave(token)
    assert met == ["socket.connect"]


def run(code: str) -> None:
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
