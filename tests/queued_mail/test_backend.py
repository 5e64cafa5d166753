"""What the backend accepts, stores and refuses; with PostgreSQL, without a worker."""

import re
import threading
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.core.mail import EmailMessage, send_mail, send_mass_mail
from django.db import Error as DatabaseError
from django.db import connection, transaction
from django.test import Client
from mail_shop.models import Order

from patterns.queued_mail.backend import EmailBackend
from patterns.queued_mail.delivery import deliver_once
from patterns.queued_mail.errors import MailNotAccepted, MailTooLarge, MessageIdReused
from patterns.queued_mail.models import QueuedMail
from tests.queued_mail.conftest import SMTPServer, eventually, plain_smtp_connection
from tests.queued_mail.messages import KINDS, make, plain


def deliver_all() -> None:
    for row in QueuedMail.objects.waiting():
        deliver_once(str(row.pk), row.publication)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_mail_arrives_byte_for_byte_as_django_would_have_sent_it(
    kind: str, smtp: SMTPServer
) -> None:
    assert plain_smtp_connection(smtp.port).send_messages([KINDS[kind]()]) == 1
    assert KINDS[kind]().send() == 1
    deliver_all()
    by_django, by_queue = smtp.mails
    # Boundaries between the parts of a mail are random.
    assert without_boundaries(by_queue[2]) == without_boundaries(by_django[2])
    assert by_queue[:2] == by_django[:2]


def without_boundaries(content: bytes) -> bytes:
    return re.sub(rb"={15}\d+==", b"boundary", content)


def test_no_recipient_of_a_blind_copy_is_named_in_the_mail(smtp: SMTPServer) -> None:
    plain(bcc=["hidden@example.com"]).send()
    deliver_all()
    [(_, recipients, content)] = smtp.mails
    assert recipients == ["anna@example.com", "hidden@example.com"]
    assert b"hidden" not in content


def test_a_message_id_is_made_of_the_senders_domain_without_asking_dns(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("socket.getfqdn", lambda *_: pytest.fail("DNS was asked"))
    monkeypatch.delattr(mail.DNS_NAME, "_fqdn", raising=False)
    message = EmailMessage("Hi", "x", "Shop <shop@bücher.example>", ["a@example.com"])
    message.send()
    assert QueuedMail.objects.get().message_id.endswith("@xn--bcher-kva.example>")
    assert message.extra_headers == {}


def test_the_number_of_accepted_mails_is_returned() -> None:
    mails = [
        ("a", "x", None, ["a@example.com"]),
        ("b", "x", None, []),
        ("c", "x", None, ["c@example.com"]),
    ]
    assert send_mass_mail(mails) == 2
    assert QueuedMail.objects.count() == 2
    assert EmailMessage("nobody", "x").send() == 0
    assert EmailBackend().send_messages([]) == 0
    assert QueuedMail.objects.count() == 2


def test_a_mail_of_a_transaction_that_rolls_back_is_not_stored() -> None:
    with transaction.atomic():
        assert send_mail("Hi", "x", None, ["a@example.com"]) == 1
        assert QueuedMail.objects.exists()
        transaction.set_rollback(True)
    assert not QueuedMail.objects.exists()


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=repr)
def test_a_header_with_a_line_end_is_refused_as_django_does(end: str, smtp: SMTPServer) -> None:
    text = f"Hi{end}Bcc: all@example.com"
    try:
        plain_smtp_connection(smtp.port).send_messages([make(EmailMessage, text, "x")])
    except ValueError as error:
        with pytest.raises(ValueError, match=re.escape(str(error))):
            send_mail(text, "x", None, ["a@example.com"], **silently())
        assert not QueuedMail.objects.exists()
    else:  # Django 6.0 encodes a lone carriage return instead
        make(EmailMessage, text, "x").send()
        deliver_all()
        assert smtp.mails[1] == smtp.mails[0]
        assert b"\r\nBcc:" not in smtp.mails[1][2]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=repr)
def test_an_address_with_a_line_end_is_refused(end: str) -> None:
    for addresses in ({"bcc": [f"b{end}@example.com"]}, {"from_email": f"f{end}@example.com"}):
        with pytest.raises(ValueError, match=r"(?i)invalid|newline|linefeed|carriage"):
            plain(**addresses).send()
    assert not QueuedMail.objects.exists()


def silently() -> dict[str, Any]:
    # Django 6.1 deprecates the argument: there it is the backend's option.
    return {} if hasattr(mail, "mailers") else {"fail_silently": True}


@pytest.mark.parametrize("address", ["a@b@example.com", "", "a@example.com, b@example.com"])
def test_an_address_that_is_none_is_refused_when_the_mail_is_sent(address: str) -> None:
    recipients = [address, "a@example.com"] if address else ["\x00@example.com"]
    with pytest.raises(ValueError, match=r"(?i)invalid|address"):
        EmailMessage("x", "x", None, recipients).send()
    assert not QueuedMail.objects.exists()


def test_a_backend_without_an_envelope_is_given_the_address_as_it_is(settings: Any) -> None:
    """As Django's console and file backends write it; but nothing that no database keeps."""
    console = "django.core.mail.backends.console.EmailBackend"
    if hasattr(settings, "MAILERS"):
        settings.MAILERS = {**settings.MAILERS, "delivery": {"BACKEND": console}}
    else:
        settings.QUEUED_MAIL_DELIVERY_BACKEND = console
    send_mail("Hi", "x", None, ["Ann <a@example.com>"])
    assert QueuedMail.objects.get().recipients == ["Ann <a@example.com>"]
    with pytest.raises(MailNotAccepted, match="characters that no mail address has"):
        send_mail("Hi", "x", None, ["a\x00@example.com"], **silently())
    assert QueuedMail.objects.count() == 1


def test_a_lone_surrogate_in_a_subject_ends_as_it_does_in_django(smtp: SMTPServer) -> None:
    def message() -> EmailMessage:
        return make(EmailMessage, "Hi \ud800", "x")

    try:
        plain_smtp_connection(smtp.port).send_messages([message()])
    except UnicodeEncodeError:
        with pytest.raises(UnicodeEncodeError):
            message().send()
        assert not QueuedMail.objects.exists()
    else:
        message().send()
        deliver_all()
        assert smtp.mails[1] == smtp.mails[0]
        assert QueuedMail.objects.get().subject == "Hi ?"


def test_a_nul_in_a_subject_does_not_break_the_callers_transaction() -> None:
    with transaction.atomic():
        make(EmailMessage, "Hi \x00 there", "body \x00").send()
        Order.objects.create(message_id="1")
    assert QueuedMail.objects.get().subject == "Hi  there"


def test_a_mail_that_is_too_large_is_refused_with_sizes_and_the_setting(settings: Any) -> None:
    settings.QUEUED_MAIL_MAX_BYTES = 2000
    message = make(EmailMessage, "large", "x" * 4000)
    with pytest.raises(
        MailTooLarge,
        match=r"'large' is 4,\d{3} bytes, more than the 2,000 of QUEUED_MAIL_MAX_BYTES",
    ):
        message.send()
    assert EmailBackend(fail_silently=True).send_messages([message, plain()]) == 1
    assert QueuedMail.objects.get().subject == "Hello"


def test_a_mail_just_within_the_limit_is_accepted(settings: Any) -> None:
    plain().send()
    size = QueuedMail.objects.get().size_bytes
    QueuedMail.objects.all().delete()
    settings.QUEUED_MAIL_MAX_BYTES = size
    assert plain().send() == 1
    settings.QUEUED_MAIL_MAX_BYTES = size - 1
    with pytest.raises(MailTooLarge):
        make(
            EmailMessage,
            "Hello",
            "How are you?\n.\n..\nFrom here on",
            headers={"Message-ID": "<fixed@example.net>"},
        ).send()


def test_one_refused_mail_of_several_means_that_none_is_stored(settings: Any) -> None:
    settings.QUEUED_MAIL_MAX_BYTES = 2000
    with pytest.raises(MailTooLarge):
        EmailBackend().send_messages([plain(), make(EmailMessage, "large", "x" * 4000)])
    assert not QueuedMail.objects.exists()


def test_a_message_id_is_accepted_again_and_stored_once() -> None:
    with transaction.atomic():
        assert plain().send() == 1
        assert plain().send() == 1
        Order.objects.create(message_id="the transaction goes on")
    assert EmailBackend().send_messages([plain(), plain()]) == 2
    assert QueuedMail.objects.count() == 1


def test_a_message_id_that_was_used_for_others_is_refused_instead_of_dropped() -> None:
    plain().send()
    with pytest.raises(MessageIdReused, match=r"<fixed@example\.com>"):
        plain(to=["somebody.else@example.com"]).send()


def test_a_reused_message_id_means_that_none_of_the_call_is_stored() -> None:
    plain().send()
    new = make(EmailMessage, "new", "x", headers={"Message-ID": "<new@example.com>"})
    with pytest.raises(MessageIdReused):
        EmailBackend().send_messages([new, plain(to=["somebody.else@example.com"])])
    assert QueuedMail.objects.get().message_id == "<fixed@example.com>"


def test_a_message_id_that_is_too_long_is_refused() -> None:
    with pytest.raises(ValueError, match="longer than 900"):
        plain(headers={"Message-ID": f"<{'x' * 2000}@example.com>"}).send()


def test_two_transactions_at_once_store_a_message_id_once() -> None:
    begun, results = threading.Event(), []

    def send_meanwhile() -> None:
        begun.wait()
        with transaction.atomic():
            results.append(plain().send())  # waits for the other transaction
            Order.objects.create(message_id="second")
        connection.close()

    other = threading.Thread(target=send_meanwhile)
    other.start()
    with transaction.atomic():
        results.append(plain().send())
        Order.objects.create(message_id="first")
        begun.set()
        wait_for_a_blocked_insert()
    other.join()
    assert results == [1, 1]
    assert QueuedMail.objects.count() == 1
    assert Order.objects.count() == 2


def wait_for_a_blocked_insert() -> None:
    def is_blocked() -> bool:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            return bool(cursor.fetchone()[0])

    eventually(is_blocked)


def test_a_message_without_a_message_id_is_stored_under_one_of_our_own(smtp: SMTPServer) -> None:
    class Bare(EmailMessage):
        def message(self, **options: Any) -> Any:
            made = super().message(**options)
            del made["Message-ID"]
            return made

    for _ in range(2):
        Bare("Hi", "x", None, ["a@example.com"]).send()
    deliver_all()
    assert QueuedMail.objects.filter(message_id__endswith="@none.invalid>").count() == 2
    assert all(b"Message-ID" not in content for _, _, content in smtp.mails)


def test_a_database_error_is_raised_and_silenced_as_a_dead_mail_server_is() -> None:
    with transaction.atomic():
        with pytest.raises(Exception, match="division by zero"), connection.cursor() as cursor:
            cursor.execute("SELECT 1/0")
        assert EmailBackend(fail_silently=True).send_messages([plain()]) == 0
        with pytest.raises(DatabaseError):
            plain().send()
        transaction.set_rollback(True)


def test_credentials_for_one_mail_are_refused() -> None:
    with pytest.raises(TypeError, match="auth_user"):
        EmailBackend(username="me", password="secret")


def test_a_password_reset_goes_through_the_queue(smtp: SMTPServer) -> None:
    User.objects.create_user("anna", "anna@example.com", "a password")
    Client().post("/reset/", {"email": "anna@example.com"})
    row = QueuedMail.objects.get()
    assert "Password reset" in row.subject
    deliver_all()
    [(_, recipients, content)] = smtp.mails
    assert recipients == ["anna@example.com"]
    assert b"/reset/" in content


def test_a_password_reset_link_is_not_kept_once_it_is_sent(smtp: SMTPServer) -> None:
    plain().send()
    deliver_all()
    row = QueuedMail.objects.get()
    assert row.state == "sent"
    assert bytes(row.content) == b""
    assert row.size_bytes > 0


def test_a_dead_broker_does_not_disturb_whoever_sends_a_mail(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ran = []
    with transaction.atomic():
        assert plain().send() == 1
        transaction.on_commit(lambda: ran.append(True))
    assert ran == [True]
    assert QueuedMail.objects.get().state == "waiting"
    assert "queued_mail.enqueue_forgotten" in caplog.text
