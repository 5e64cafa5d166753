"""Mail through Anymail, shown with its own test backend: every attribute survives the queue."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import django
import pytest
from anymail.backends.test import EmailBackend as AnymailBackend
from anymail.exceptions import AnymailAPIError
from anymail.message import AnymailMessage, AnymailRecipientStatus
from django.core import mail
from django.core.mail import EmailMessage
from django.core.mail.backends.locmem import EmailBackend as LocmemBackend
from django.utils.translation import gettext_lazy
from messages import FIXED, KINDS, PIXEL, make, plain

from patterns.queued_mail.attributes import from_json
from patterns.queued_mail.delivery import deliver_once
from patterns.queued_mail.errors import MailNotAccepted, MailNotDelivered, MailRefused, MailTooLarge
from patterns.queued_mail.models import QueuedMail
from tests.queued_mail.conftest import SMTPServer

ANYMAIL = "anymail.backends.test.EmailBackend"
SMTP = "patterns.queued_mail.smtp.EmailBackend"


@pytest.fixture(autouse=True)
def anymail(settings: Any, real_backend: None) -> None:
    deliver_by(settings, ANYMAIL)
    mail.outbox = []


def deliver_by(settings: Any, backend: str, **options: Any) -> None:
    if django.VERSION >= (6, 1):
        delivery = {"BACKEND": backend, "OPTIONS": options}
        settings.MAILERS = {**settings.MAILERS, "delivery": delivery}
    else:
        settings.QUEUED_MAIL_DELIVERY_BACKEND = backend


def everything() -> AnymailMessage:
    message = AnymailMessage(
        "Your order",
        "Thank you, {{name}}!",
        "Shop <shop@example.com>",
        ["Anna Ö <anna@example.com>", "bert@example.com"],
        cc=["cc@example.com"],
        bcc=["hidden@example.com"],
        reply_to=["answers@example.com"],
        headers={**FIXED, "X-Custom": "grün"},
        tags=["order", gettext_lazy("January")],
        metadata={"order": 7, "total": 12.5, "vip": True, "none": None},
        template_id="welcome-2",
        merge_data={"anna@example.com": {"name": "Anna"}, "bert@example.com": {"name": "Bert"}},
        merge_global_data={"shop": "Ö"},
        merge_headers={"anna@example.com": {"List-Unsubscribe": "<https://example.com/a>"}},
        merge_metadata={"anna@example.com": {"id": 1}},
        esp_extra={"pool": {"name": "fast", "numbers": [1, 2]}},
        envelope_sender="bounces@example.com",
        send_at=datetime(2026, 12, 24, 18, 0, 0, 123456, tzinfo=UTC),
        track_clicks=False,
        track_opens=True,
    )
    message.attach_alternative("<p>Thank you!</p>", "text/html")
    message.attach_alternative("<b/>", "text/x-amp-html")
    message.attach("Grüße.txt", "drei\nZeilen ä", "text/plain")
    message.attach("pixel.gif", PIXEL, "image/gif")
    message.attach_inline_image(PIXEL, "inline.gif", "gif")
    return message


def through_the_queue(message: EmailMessage) -> Any:
    assert message.send() == 1
    row = QueuedMail.objects.get()
    deliver_once(str(row.pk), row.publication)
    assert QueuedMail.objects.get().state == "sent"
    return comparable(mail.outbox[-1])


def directly(message: EmailMessage) -> Any:
    options = {"alias": "plain"} if django.VERSION >= (6, 1) else {}
    assert AnymailBackend(**options).send_messages([message]) == 1
    return comparable(mail.outbox[-1])


def comparable(message: Any) -> dict[str, Any]:
    params = dict(message.anymail_test_params)
    params["attachments"] = [
        (each.name, content_of(each), each.mimetype, each.inline, each.content_id)
        for each in params.get("attachments", [])
    ]
    return {
        name: [str(v) for v in value] if name in PEOPLE else value for name, value in params.items()
    } | {"from": str(params["from"])}


PEOPLE = {"to", "cc", "bcc", "reply_to"}


def content_of(attachment: Any) -> Any:
    # An attached mail is written anew, with a line end of its own.
    text = attachment.content
    return text.strip() if attachment.mimetype == "message/rfc822" else text


def test_every_attribute_survives_the_queue() -> None:
    message = everything()
    expected = directly(message)
    assert {"tags", "metadata", "template_id", "merge_data", "pool", "send_at"} <= set(expected)
    assert through_the_queue(message) == expected


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "local sender"])
def test_a_message_reaches_the_service_as_if_sent_from_the_request(kind: str) -> None:
    message = KINDS[kind]()
    if kind == "alternatives":  # a calendar is more than the test service takes
        message.alternatives.pop()
    if kind == "attachments":
        message.alternatives.pop()
    expected = directly(message)
    assert through_the_queue(message) == expected


def test_a_template_may_say_what_the_message_leaves_out() -> None:
    message = AnymailMessage(to=["anna@example.com"], template_id="welcome", headers=FIXED)
    message.from_email = message.subject = message.body = None
    message.send()
    sent = from_json(bytes(QueuedMail.objects.get().content))
    assert (sent.from_email, sent.subject, sent.body) == (None, None, None)
    assert not hasattr(sent, "tags")  # left out: the service's own defaults hold


def test_the_message_id_is_the_same_on_every_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    EmailMessage("Hi", "x", "Shop <shop@example.com>", ["anna@example.com"]).send()
    row = QueuedMail.objects.get()
    answer_with(monkeypatch, AnymailAPIError("away"))
    for _ in range(2):
        with pytest.raises(MailNotDelivered):
            deliver_once(str(row.pk), 1)
    headers = [each.anymail_test_params["extra_headers"]["message-id"] for each in mail.outbox]
    assert headers == [row.message_id] * 2
    assert row.message_id.endswith("@example.com>")


@pytest.mark.parametrize(
    ("attribute", "value", "culprit"),
    [
        ("metadata", {"price": Decimal(1)}, r"metadata\['price'\] is a Decimal"),
        ("metadata", {1: "x"}, "metadata is a dict"),
        (
            "merge_data",
            {"a@b.c": {"on": [date(2026, 1, 1)]}},
            r"merge_data\['a@b.c'\]\['on'\]\[0\]",
        ),
        ("tags", {"a", "b"}, "tags is a set"),
        ("esp_extra", {"x": float("nan")}, r"esp_extra\['x'\] is a float"),
        ("merge_global_data", {"o": object()}, r"merge_global_data\['o'\] is a object"),
    ],
)
def test_what_json_cannot_keep_is_refused_at_the_call(
    attribute: str, value: Any, culprit: str
) -> None:
    message = plain()
    setattr(message, attribute, value)
    with pytest.raises(MailNotAccepted, match=culprit):
        message.send()
    assert not QueuedMail.objects.exists()


@pytest.mark.parametrize("moment", [date(2026, 12, 24), datetime(2026, 12, 24, 18), 1798142400])
def test_a_time_to_send_at_is_the_same_moment(moment: Any) -> None:
    message = plain()
    message.send_at = moment
    expected = directly(message)["send_at"]
    assert through_the_queue(message)["send_at"] == expected


def test_a_mail_to_an_api_counts_with_its_files(settings: Any) -> None:
    settings.QUEUED_MAIL_MAX_BYTES = 5000
    message = plain()
    message.attach("x.bin", bytes(5000), "application/octet-stream")
    with pytest.raises(MailTooLarge, match="QUEUED_MAIL_MAX_BYTES"):
        message.send()


def test_what_a_mail_to_an_api_said_is_not_kept_once_it_is_sent() -> None:
    through_the_queue(everything())
    row = QueuedMail.objects.get()
    assert (row.form, bytes(row.content)) == ("attributes", b"")
    assert row.recipients == [
        *("anna@example.com", "bert@example.com"),
        *("cc@example.com", "hidden@example.com"),
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("subject", "a\nBcc: all@example.com"),
        ("from_email", "Shop\r <shop@example.com>"),
        ("to", ["anna@example.com", "b@example.com\n"]),
        ("reply_to", ["x@example.com\r\nBcc: all@example.com"]),
        ("extra_headers", {"X-Custom": "a\nb"}),
        ("extra_headers", {"X-Custom\r": "a"}),
        ("merge_headers", {"anna@example.com": {"List-Unsubscribe": "<x>\n"}}),
        ("envelope_sender", "bounces@example.com\n"),
        ("subject", gettext_lazy("lazy\nBcc")),
    ],
)
def test_a_line_end_in_a_header_is_refused_at_the_call(name: str, value: Any) -> None:
    message = everything()
    setattr(message, name, value)
    with pytest.raises(ValueError, match=r"line end|characters that no mail address"):
        message.send()
    assert not QueuedMail.objects.exists()


def answer_with(monkeypatch: pytest.MonkeyPatch, answer: Any) -> None:
    monkeypatch.setattr(EmailMessage, "anymail_test_response", answer, raising=False)


@pytest.mark.parametrize(
    ("status", "error"),
    [(400, MailRefused), (422, MailRefused)]
    + [(status, MailNotDelivered) for status in (None, 401, 403, 429, 500, 503)],
)
def test_an_answer_of_the_api_is_final_only_where_it_is_about_the_mail(
    status: int | None, error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    response = SimpleNamespace(reason="no", text="because", json=lambda: {"why": "because"})
    answer_with(monkeypatch, AnymailAPIError("no", status_code=status, response=response))
    plain().send()
    with pytest.raises(error):
        deliver_once(str(QueuedMail.objects.get().pk), 1)
    assert QueuedMail.objects.get().state == ("failed" if error is MailRefused else "waiting")


def test_recipients_that_the_service_refuses_are_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    statuses = {
        who: AnymailRecipientStatus("1", status)
        for who, status in {"anna@example.com": "sent", "gone@example.com": "rejected"}.items()
    }
    answer_with(monkeypatch, {"recipient_status": statuses})
    plain(to=["Anna <anna@example.com>", "Gone <gone@example.com>"]).send()
    deliver_once(str(QueuedMail.objects.get().pk), 1)
    row = QueuedMail.objects.get()
    assert (row.state, row.refused) == ("sent", {"gone@example.com": "550 rejected"})


def test_a_mail_refused_for_all_recipients_is_a_failed_one(monkeypatch: pytest.MonkeyPatch) -> None:
    status = {"anna@example.com": AnymailRecipientStatus("1", "invalid")}
    answer_with(monkeypatch, {"recipient_status": status})
    plain().send()
    with pytest.raises(MailRefused, match="rejected or invalid"):
        deliver_once(str(QueuedMail.objects.get().pk), 1)
    assert QueuedMail.objects.get().state == "failed"


def test_a_mail_kept_as_bytes_is_not_sent_empty_by_an_api(settings: Any, smtp: SMTPServer) -> None:
    deliver_by(settings, SMTP, host="127.0.0.1", port=smtp.port)
    plain().send()
    row = QueuedMail.objects.get()
    deliver_by(settings, ANYMAIL)
    with pytest.raises(MailNotDelivered, match="the backend of before"):
        deliver_once(str(row.pk), 1)
    assert mail.outbox == []
    deliver_by(settings, SMTP, host="127.0.0.1", port=smtp.port)
    deliver_once(str(row.pk), 1)
    assert b"How are you?" in smtp.mails[0][2]


def test_a_mail_kept_as_attributes_can_be_sent_by_smtp(settings: Any, smtp: SMTPServer) -> None:
    make(EmailMessage, "Größe", "ä").send()
    deliver_by(settings, SMTP, host="127.0.0.1", port=smtp.port)
    deliver_once(str(QueuedMail.objects.get().pk), 1)
    assert b"Message-ID: <fixed@example.com>" in smtp.mails[0][2]


def test_any_backend_may_say_that_it_reads_attributes(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver_by(settings, "django.core.mail.backends.locmem.EmailBackend")
    monkeypatch.setattr(LocmemBackend, "reads_attributes", True, raising=False)
    message = plain()
    message.tags = ["one"]
    message.send()
    row = QueuedMail.objects.get()
    assert json.loads(bytes(row.content))["tags"] == ["one"]
    deliver_once(str(row.pk), 1)
    assert mail.outbox[0].tags == ["one"]
