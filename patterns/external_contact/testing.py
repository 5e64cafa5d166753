"""A pytest fixture: no test leaves this machine, and no request of one contacts anything.

A test may contact what it has started (loopback, sockets' paths) besides what is declared. A
request in it, by Django's client or to a live server, may not, and raises whatever the mode is.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from . import hook
from .scope import Scope


@pytest.fixture
def no_external_contact(settings: Any) -> Iterator[None]:
    """Raise `ExternalContact` where the test, or a request in it, contacts what is not declared."""
    settings.EXTERNAL_CONTACT_MODE = "raise"
    token = hook.enter(Scope(is_test=True))
    yield
    hook.leave(token)
