"""The mails in the admin: looked at, escaped, sent again, and not changed."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.mail import send_mail
from django.test import Client
from django.utils import timezone

from patterns.queued_mail.delivery import deliver_once
from patterns.queued_mail.models import QueuedMail
from tests.queued_mail.conftest import SMTPServer

LIST = "/admin/queued_mail/queuedmail/"


@pytest.fixture
def staff() -> Client:
    User.objects.create_superuser("boss", "boss@example.com", "secret")
    client = Client()
    client.login(username="boss", password="secret")
    return client


def mail(subject: str, **changes: Any) -> QueuedMail:
    send_mail(subject, "the reset link", None, ["a@example.com", "b@example.com"])
    QueuedMail.objects.filter(subject=subject).update(**changes)
    return QueuedMail.objects.get(subject=subject)


def send_again(client: Client, *mails: QueuedMail) -> str:
    chosen = {"action": "send_again", "_selected_action": [str(each.pk) for each in mails]}
    return client.post(LIST, chosen, follow=True).content.decode()


def test_what_came_from_outside_is_escaped(staff: Client) -> None:
    row = mail("<script>alert(1)</script>", error="<img src=x onerror=alert(1)>")
    for page in (LIST, f"{LIST}{row.pk}/change/"):
        text = staff.get(page).content.decode()
        assert "<script>alert(1)" not in text
        assert "<img src=x" not in text
        assert "&lt;script&gt;alert(1)" in text


def test_what_a_mail_says_is_not_shown(staff: Client) -> None:
    row = mail("Your new password")
    assert "the reset link" not in staff.get(f"{LIST}{row.pk}/change/").content.decode()


@pytest.mark.parametrize(
    "asked",
    [
        "content=x",
        f"content__contains={b'reset'.hex()}",
        "content__regex=^x",
        "content__startswith=x",
        "content__gt=0",
        "message_id__startswith=a",
        "subject__contains=password",
    ],
)
def test_nobody_can_ask_the_address_what_a_mail_says(staff: Client, asked: str) -> None:
    mail("Your new password")
    assert staff.get(f"{LIST}?{asked}").status_code == 400


def test_mails_are_listed_by_state_and_found_by_recipient(staff: Client) -> None:
    mail("it waits")
    mail("it failed", failed_at=timezone.now())
    text = staff.get(f"{LIST}?state=failed").content.decode()
    assert "it failed" in text
    assert "it waits" not in text
    assert "it waits" in staff.get(f"{LIST}?q=b@example.com").content.decode()


def test_nothing_can_be_added_changed_or_deleted(staff: Client) -> None:
    row = mail("as it is")
    assert staff.get(f"{LIST}add/").status_code == 403
    assert staff.post(f"{LIST}{row.pk}/change/", {"subject": "another"}).status_code == 403
    assert staff.post(f"{LIST}{row.pk}/delete/", {"post": "yes"}).status_code == 403
    assert QueuedMail.objects.filter(pk=row.pk).exists()


def test_a_failed_mail_is_sent_again_to_whoever_did_not_get_it(
    staff: Client, smtp: SMTPServer
) -> None:
    row = mail(
        "refused",
        failed_at=timezone.now(),
        first_attempt_at=timezone.now() - timedelta(days=3),
        attempts=9,
        outstanding=[],
        refused={"b@example.com": "550 full"},
        error="550 full",
    )
    sent = mail("sent", sent_at=timezone.now())
    assert "Failed mails to be sent again: 1." in send_again(staff, row, sent)
    row.refresh_from_db()
    assert (row.state, row.publication, row.outstanding) == ("waiting", 2, ["b@example.com"])
    smtp.replies_to_data = ["451 later"]
    with pytest.raises(OSError, match="451"):  # not given up at once: its time begins anew
        deliver_once(str(row.pk), 2)
    deliver_once(str(row.pk), 2)
    row.refresh_from_db()
    assert row.state == "sent"
    assert smtp.mails[0][1] == ["b@example.com"]
    assert QueuedMail.objects.get(pk=sent.pk).publication == 1


def test_a_failed_mail_whose_content_is_deleted_is_said_to_be_left(staff: Client) -> None:
    row = mail("gone", failed_at=timezone.now(), content=b"", error="550 full")
    text = send_again(staff, row)
    assert "Failed mails to be sent again: 0." in text
    assert "what they said is deleted: 1. Send new ones." in text


def test_whoever_may_only_look_cannot_send_again() -> None:
    user = User.objects.create_user("viewer", "v@example.com", "secret", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_queuedmail"))
    client = Client()
    client.login(username="viewer", password="secret")
    row = mail("failed", failed_at=timezone.now())
    assert "Send failed mails again" not in client.get(LIST).content.decode()
    send_again(client, row)
    row.refresh_from_db()
    assert row.state == "failed"
    assert Client().get(LIST).status_code == 302
