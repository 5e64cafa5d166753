"""The dead man's switch asks for its address, and for nothing that is none."""

from typing import Any

import pytest

from patterns.failure_check.ping import ping
from tests.failure_check.web import Web


def test_the_address_is_asked_for(settings: Any) -> None:
    with Web() as web:
        settings.FAILURE_CHECK_PING_URL = f"{web.url}/ping/1"
        ping()
    assert [path for path, _ in web.asked] == ["/ping/1"]


def test_without_an_address_nothing_is() -> None:
    ping()


def test_a_monitor_that_refuses_is_an_error(settings: Any) -> None:
    with Web(status=500) as web:
        settings.FAILURE_CHECK_PING_URL = web.url
        with pytest.raises(OSError, match="500"):
            ping()


def test_a_file_is_no_address(settings: Any) -> None:
    settings.FAILURE_CHECK_PING_URL = "file:///etc/passwd"
    with pytest.raises(ValueError, match="no http"):
        ping()
