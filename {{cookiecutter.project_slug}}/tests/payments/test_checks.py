"""Settings with which no charge could be made are refused at the start."""

from typing import Any

import pytest

from payments.checks import provider_is_configured, provider_is_encrypted


def ids(settings: Any, **changed: str) -> list[str | None]:
    settings.PAYMENTS_URL, settings.PAYMENTS_API_KEY = "https://payments.example.com", "key"
    for name, value in changed.items():
        setattr(settings, name, value)
    return [found.id for found in provider_is_configured(None) + provider_is_encrypted(None)]


def test_good_settings_pass(settings: Any) -> None:
    assert ids(settings) == []


@pytest.mark.parametrize(
    "url", ["", "payments.example.com", "ftp://example.com", "https://", "http://["]
)
def test_e001_an_address_that_is_none(settings: Any, url: str) -> None:
    assert "payments.E001" in ids(settings, PAYMENTS_URL=url)


@pytest.mark.parametrize("key", ["", "two words", "line\nbreak", "schlüssel"])
def test_e002_a_key_that_fits_no_header(settings: Any, key: str) -> None:
    assert ids(settings, PAYMENTS_API_KEY=key) == ["payments.E002"]


def test_e003_an_address_that_is_not_encrypted(settings: Any) -> None:
    assert ids(settings, PAYMENTS_URL="http://payments.example.com") == ["payments.E003"]
