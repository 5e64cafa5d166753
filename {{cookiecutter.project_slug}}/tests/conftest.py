"""What every test of the shop is given."""

import signal
from collections.abc import Iterator

import pytest
from django.db import connections
from pytest_django import Settings

from patterns.external_contact.testing import no_external_contact  # noqa: F401  a fixture

# A shell that starts something in the background has it ignore Ctrl-C, and everything that it
# starts; some tests send that to what they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# What a CI sends that has waited long enough: as at Ctrl-C, the servers end with their fixtures.
signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.fixture(autouse=True, scope="session")
def _no_certificates(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test speaks TLS, and httpx reads all certificates, for 60 ms, with each request."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("SSL_CERT_FILE", raising=False)  # it would go before the folder
        patch.setenv("SSL_CERT_DIR", str(tmp_path_factory.mktemp("certificates")))
        yield


@pytest.fixture(autouse=True)
def _rule_1(no_external_contact: None) -> None:  # noqa: F811
    """No test leaves this machine, and what a request contacts fails its test."""


@pytest.fixture(autouse=True)
def _quick_passwords(settings: Settings) -> None:
    """The real hash takes a third of a second on purpose, and no test here is about it."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def _no_kept_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    """A live server's thread must not outlive its test in the database, which is dropped."""
    monkeypatch.setitem(connections["default"].settings_dict, "CONN_MAX_AGE", 0)
