"""Each check complains of what it is for, and of nothing in a correct project."""

from typing import Any

import pytest
from django.core.checks import CheckMessage

from patterns.external_contact.checks import MIDDLEWARE, check_external_contact, check_mode

OTHER = "django.middleware.security.SecurityMiddleware"


def found() -> list[CheckMessage]:
    return [*check_external_contact(), *check_mode()]


def ids() -> list[str | None]:
    assert all(each.hint for each in found())
    return [each.id for each in found()]


@pytest.fixture(autouse=True)
def correct(settings: Any) -> None:
    settings.MIDDLEWARE = [MIDDLEWARE, OTHER]
    settings.DEBUG = True


@pytest.mark.parametrize("mode", ["raise", "log"])
def test_a_correct_project_gives_no_finding(settings: Any, mode: str) -> None:
    settings.EXTERNAL_CONTACT_MODE = mode
    settings.EXTERNAL_CONTACT_ALLOWED = ["a.example.com:443", "10.0.0.1:1", "[::1]:1", "/run/s"]
    settings.BROKER_URL = "redis://broker"
    settings.EXTERNAL_CONTACT_BROKERS = ["BROKER_URL"]
    assert ids() == []


def test_e001_a_setting_that_does_not_exist(settings: Any) -> None:
    settings.EXTERNAL_CONTACT_ALOWED = []
    assert ids() == ["external_contact.E001"]
    assert "EXTERNAL_CONTACT_ALLOWED" in str(found()[0].hint)


@pytest.mark.parametrize("mode", ["warn", None, True])
def test_e002_a_mode_that_does_not_exist(settings: Any, mode: Any) -> None:
    settings.EXTERNAL_CONTACT_MODE = mode
    assert ids() == ["external_contact.E002"]


@pytest.mark.parametrize("given", ["example.com", "https://example.com", "x:port", "", 5])
def test_e003_an_allowed_address_that_is_none(settings: Any, given: Any) -> None:
    settings.EXTERNAL_CONTACT_ALLOWED = [given]
    assert ids() == ["external_contact.E003"]


def test_e004_a_brokers_setting_that_does_not_exist(settings: Any) -> None:
    settings.EXTERNAL_CONTACT_BROKERS = ["BROKER_URL"]
    settings.CELERY_BROKER_URL = "redis://127.0.0.1/0"
    assert ids() == ["external_contact.E004"]
    assert "CELERY_BROKER_URL, perhaps" in str(found()[0].hint)


def test_e005_no_middleware(settings: Any) -> None:
    settings.MIDDLEWARE = [OTHER]
    assert ids() == ["external_contact.E005"]


def test_w001_a_middleware_before_it(settings: Any) -> None:
    settings.MIDDLEWARE = [OTHER, MIDDLEWARE]
    assert ids() == ["external_contact.W001"]
    assert OTHER in found()[0].msg


def test_w002_customers_requests_that_fail(settings: Any) -> None:
    settings.DEBUG = False
    settings.EXTERNAL_CONTACT_MODE = "raise"
    assert ids() == ["external_contact.W002"]


def test_w003_nobody_looks(settings: Any) -> None:
    settings.EXTERNAL_CONTACT_MODE = "off"
    settings.MIDDLEWARE = [OTHER]
    assert ids() == ["external_contact.W003"]
