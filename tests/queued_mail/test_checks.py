"""Each misconfiguration has an id and a hint."""

import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from celery.exceptions import NotRegistered
from django.core import mail
from django.core.checks import run_checks
from django.utils.log import AdminEmailHandler
from mail_shop.celery import app

from patterns.queued_mail import checks, direct

SMTP = "django.core.mail.backends.smtp.EmailBackend"
QUEUE = "patterns.queued_mail.backend.EmailBackend"


def found() -> dict[str, str]:
    messages = run_checks(tags=["queued_mail"])
    assert all(message.hint for message in messages)
    return {str(message.id): message.msg for message in messages}


def use_delivery(settings: Any, backend: str, **options: Any) -> None:
    if hasattr(settings, "MAILERS"):
        delivery = {"BACKEND": backend, "OPTIONS": {"host": "x", "timeout": 10, **options}}
        settings.MAILERS = {**settings.MAILERS, "delivery": delivery}
    else:
        settings.QUEUED_MAIL_DELIVERY_BACKEND = backend
        settings.EMAIL_TIMEOUT = options.get("timeout", 10)


def test_a_right_configuration_has_no_messages() -> None:
    assert found() == {}


def test_another_task_that_cannot_be_made_is_for_its_own_check_to_tell(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Unmade:
        @property
        def time_limit(self) -> int:  # Celery makes all tasks at once, and gives up at a bad one
            raise NotRegistered("queued_mail.deliver")

    monkeypatch.setattr(checks, "deliver", Unmade())
    assert found() == {}


def test_e001_a_setting_that_does_not_exist(settings: Any) -> None:
    settings.QUEUED_MAIL_MAX_BYTE = 1
    assert "QUEUED_MAIL_MAX_BYTE is no setting" in found()["queued_mail.E001"]


def test_e002_an_empty_queue(settings: Any) -> None:
    settings.QUEUED_MAIL_QUEUE = ""
    assert list(found()) == ["queued_mail.E002"]


@pytest.mark.parametrize("value", [0, -1, "10", None, True])
def test_e003_a_number_that_is_none(settings: Any, value: Any) -> None:
    settings.QUEUED_MAIL_MAX_BYTES = value
    assert repr(value) in found()["queued_mail.E003"]


def test_e004_a_delivery_backend_that_cannot_be_loaded(settings: Any) -> None:
    settings.QUEUED_MAIL_DELIVERY_BACKEND = "no.such.backend"
    assert "no.such.backend" in found()["queued_mail.E004"]


def test_e005_a_delivery_backend_that_is_the_queue(settings: Any) -> None:
    use_delivery(settings, QUEUE)
    assert list(found()) == ["queued_mail.E005"]


def test_e006_a_mailer_that_fails_silently(settings: Any) -> None:
    if not hasattr(settings, "MAILERS"):
        assert found() == {}  # delivery passes fail_silently=False itself
        return
    use_delivery(settings, SMTP, fail_silently=True)
    assert list(found()) == ["queued_mail.E006"]


def test_e007_a_database_that_is_not_postgresql(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("django.db.connection.vendor", "sqlite", raising=False)
    monkeypatch.setattr("django.db.backends.postgresql.base.DatabaseWrapper.vendor", "sqlite")
    assert list(found()) == ["queued_mail.E007"]


def use_default(settings: Any, backend: str) -> None:
    if hasattr(settings, "MAILERS"):
        settings.MAILERS = {**settings.MAILERS, "default": {"BACKEND": backend}}
    else:
        settings.EMAIL_BACKEND = backend


@pytest.mark.parametrize("backend", [SMTP, "django.core.mail.backends.console.EmailBackend"])
def test_e008_mail_that_does_not_go_through_the_queue(settings: Any, backend: str) -> None:
    use_default(settings, backend)
    assert list(found()) == ["queued_mail.E008"]


def test_e008_is_not_said_of_what_django_s_tests_put_there(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_default(settings, "django.core.mail.backends.locmem.EmailBackend")
    monkeypatch.setattr(mail, "outbox", [], raising=False)
    assert found() == {}
    monkeypatch.delattr(mail, "outbox")
    assert list(found()) == ["queued_mail.E008"]


def test_e008_names_a_default_backend_that_does_not_exist_too(settings: Any) -> None:
    use_default(settings, "no.such.Backend")
    assert list(found()) == ["queued_mail.E008"]


@pytest.mark.filterwarnings("ignore:.*MAILERS")  # said of each EMAIL_* setting on Django 6.1
def test_a_project_that_has_no_mailers_yet_is_checked_by_its_email_settings(settings: Any) -> None:
    if hasattr(settings, "MAILERS"):
        del settings.MAILERS
    settings.EMAIL_BACKEND, settings.EMAIL_TIMEOUT = QUEUE, 10
    settings.QUEUED_MAIL_DELIVERY_BACKEND = SMTP
    assert found() == {}
    settings.EMAIL_BACKEND = SMTP
    assert list(found()) == ["queued_mail.E008"]
    settings.EMAIL_BACKEND, settings.EMAIL_TIMEOUT = QUEUE, None
    assert list(found()) == ["queued_mail.W001"]


@pytest.mark.skipif(not hasattr(mail, "mailers"), reason="MAILERS is Django 6.1's")
def test_e009_another_mailer_that_sends_at_once(settings: Any) -> None:
    settings.MAILERS = {**settings.MAILERS, "news": {"BACKEND": SMTP}}
    assert list(found()) == ["queued_mail.E009"]
    settings.MAILERS = {**settings.MAILERS, "news": {"BACKEND": QUEUE}}
    assert found() == {}


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (f'get_connection("{SMTP}").send_messages([])', "get_connection"),
        ('get_connection("no.such.Backend")', "get_connection('no.such.Backend')"),
        (f'mail.get_connection(backend="{SMTP}", fail_silently=True)', "get_connection"),
        ("EmailBackend().send_messages([])", "EmailBackend()"),
        ("smtp.EmailBackend(timeout=5)", "smtp.EmailBackend()"),
    ],
)
def test_e010_code_that_names_a_backend_that_sends(own_app: Path, line: str, told: str) -> None:
    beginning = "from django.core.mail.backends.smtp import EmailBackend\n"
    (own_app / "views.py").write_text(f"{beginning}def view(request):\n    {line}\n")
    message = found()["queued_mail.E010"]
    assert f"{own_app / 'views.py'}:3: {told}" in message


@pytest.mark.skipif(not hasattr(mail, "mailers"), reason="MAILERS is Django 6.1's")
def test_e010_code_that_names_the_delivering_mailer(own_app: Path) -> None:
    (own_app / "views.py").write_text('send_mail("a", "b", None, ["c"], using="delivery")\n')
    assert "send_mail(using='delivery')" in found()["queued_mail.E010"]


@pytest.mark.parametrize(
    "line",
    [
        "get_connection()",
        f'get_connection("{QUEUE}")',
        "get_connection(backend=chosen)",
        'Order.objects.using("default").send(using="default")',
        "def view(",
        "get_connection(def view(",  # no Python: whoever imports it is told
    ],
)
def test_e010_is_not_said_of_the_default_nor_of_what_only_looks_like_it(
    own_app: Path, line: str
) -> None:
    (own_app / "views.py").write_text(f"{line}\n")
    assert found() == {}


@pytest.fixture
def own_app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of an app of the project's own."""
    config = SimpleNamespace(name="signup", path=str(tmp_path))
    monkeypatch.setattr(direct.apps, "get_app_configs", lambda: [config])
    return tmp_path


def test_w001_a_mail_server_without_a_timeout(settings: Any) -> None:
    use_delivery(settings, SMTP, timeout=None)
    assert list(found()) == ["queued_mail.W001"]


def test_w003_a_broker_without_a_timeout() -> None:
    options, app.conf.broker_transport_options = app.conf.broker_transport_options, {}
    try:
        assert list(found()) == ["queued_mail.W003"]
    finally:
        app.conf.broker_transport_options = options


def test_w004_a_lease_that_ends_before_a_delivery_must(settings: Any) -> None:
    settings.QUEUED_MAIL_LEASE_SECONDS = 330
    assert list(found()) == ["queued_mail.W004"]


def test_w005_error_mails_through_the_queue(settings: Any) -> None:
    settings.ADMINS = []
    logger, handler = logging.getLogger("django"), AdminEmailHandler()
    logger.addHandler(handler)
    try:
        assert found() == {}
        settings.ADMINS = ["ops@example.com"]
        assert list(found()) == ["queued_mail.W005"]
    finally:
        logger.removeHandler(handler)
