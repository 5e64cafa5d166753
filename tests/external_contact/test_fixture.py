"""The fixture: no test leaves this machine, and no request of one contacts anything."""

from functools import partial
from typing import Any

import pytest

from patterns.external_contact.errors import ExternalContact
from patterns.external_contact.testing import no_external_contact  # noqa: F401  a fixture
from tests.external_contact import contacting
from tests.external_contact.asking import ask
from tests.external_contact.conftest import Outside
from tests.servers import eventually

pytestmark = pytest.mark.usefixtures("no_external_contact")


def test_a_test_that_leaves_the_machine_fails() -> None:
    with pytest.raises(ExternalContact) as raised:
        contacting.requests.get("https://api.example.com/", timeout=5)
    assert str(raised.value).startswith(
        "A test contacts api.example.com:443 at tests/external_contact/test_fixture.py:"
    )
    assert str(raised.value).endswith(
        "Let the test start a server on this machine, or replace what is contacted."
    )
    with pytest.raises(ExternalContact):
        contacting.socket.create_connection(("203.0.113.7", 9), timeout=5)


def test_what_it_started_on_this_machine_is_its_own(outside: Outside) -> None:
    contacting.connect(outside.port)
    eventually(lambda: outside.visits == 1)


def test_a_request_in_it_may_contact_nothing_and_afterwards_the_test_may(outside: Outside) -> None:
    with pytest.raises(ExternalContact):
        ask("/sync/x/", partial(contacting.by_smtplib, outside.port))
    assert outside.visits == 0
    contacting.connect(outside.port)


def test_a_test_may_let_requests_be_as_in_production(settings: Any, outside: Outside) -> None:
    settings.EXTERNAL_CONTACT_MODE = "log"
    assert ask("/sync/x/", partial(contacting.connect, outside.port)).status_code == 200


@pytest.mark.parametrize("mode", ["log", "off"])
class TestOfAProject:
    @pytest.fixture(autouse=True)
    def _mode(self, settings: Any, mode: str) -> None:
        settings.EXTERNAL_CONTACT_MODE = mode

    @pytest.fixture(autouse=True)
    def _fixture(self, _mode: None, no_external_contact: None) -> None:  # noqa: F811
        """After the project's own settings."""

    def test_requests_are_refused_whatever_its_settings_say(self, outside: Outside) -> None:
        with pytest.raises(ExternalContact):
            ask("/sync/x/", partial(contacting.connect, outside.port))
