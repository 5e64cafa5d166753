"""The mails about accounts, as the wire carries them."""

from email import message_from_bytes, policy
from email.message import EmailMessage as Delivered

import pytest
from django.conf import settings
from django.core.mail import EmailMessage
from django.test import Client, override_settings

from accounts.models import User
from accounts.signup import sign_up

pytestmark = pytest.mark.django_db
NAMES = [
    "Pat",
    "O'Hara, Pat 🎉",
    'Pat "Ace" O\\Hara',
    "<b>Pat</b> & Sam",
    "{{ 7*7 }} {% now %}",
    "pat@example.org, sam",
    "Sam <sam@example.org>, Pat",
    "محمد",
    "👩\u200d👩\u200d👧" * 2,
    "é" * 22,
    "a" * 150,
    "ab " * 49 + "c",
    "",
]


def delivered(mail: EmailMessage) -> Delivered:
    """Parse what a mail server is given."""
    return message_from_bytes(mail.message().as_bytes(), policy=policy.default)


@pytest.mark.parametrize("name", NAMES, ids=lambda name: ascii(name)[:30])
def test_the_welcome_is_to_one_person_by_name(name: str, mailoutbox: list[EmailMessage]) -> None:
    sign_up(email="pat+shop@example.com", name=name, password="correct horse")

    [mail] = mailoutbox
    [recipient] = delivered(mail)["To"].addresses
    assert recipient.addr_spec == "pat+shop@example.com"
    assert recipient.display_name == name
    assert len(mail.recipients()) == 1
    assert [name for name in delivered(mail) if name in {"Cc", "Bcc"}] == []


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Александр Сергеевич Пушкин", "Александр Сергеевич"),
        ("é" * 150, ""),
        ("👩\u200d👩\u200d👧" * 20, ""),
    ],
)
def test_a_name_too_long_for_a_header_is_shortened_by_whole_words(
    name: str, shown: str, mailoutbox: list[EmailMessage]
) -> None:
    sign_up(email="pat@example.com", name=name, password="correct horse")

    [recipient] = delivered(mailoutbox[0])["To"].addresses
    assert (recipient.display_name, recipient.addr_spec) == (shown, "pat@example.com")


@pytest.mark.parametrize("line_end", ["=0A", "=0D=0A", "=0D"])
def test_a_name_in_the_headers_own_coding_adds_no_header(
    line_end: str, mailoutbox: list[EmailMessage]
) -> None:
    name = f"=?utf-8?q?Pat{line_end}Bcc:_sam@example.org?="

    sign_up(email="pat@example.com", name=name, password="correct horse")

    mail = delivered(mailoutbox[0])
    assert mail["To"].addresses[0].addr_spec == "pat@example.com"
    assert mail["To"].addresses[0].display_name == name.replace("=?", "= ?")
    assert len(mail["To"].addresses) == 1
    assert mail["Bcc"] is None


def test_the_welcome_has_a_text_and_an_html_part_with_the_name(
    mailoutbox: list[EmailMessage],
) -> None:
    sign_up(email="pat@example.com", name="<b>Zoë</b> & 🎉", password="correct horse")

    mail = delivered(mailoutbox[0])
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert mail["Subject"] == f"Welcome to {settings.PROJECT['name']}"
    assert text is not None
    assert html is not None
    assert "Hello <b>Zoë</b> & 🎉," in text.get_content()
    assert "&lt;b&gt;Zoë&lt;/b&gt; &amp; 🎉" in html.get_content()
    assert settings.SITE_URL in text.get_content()
    assert f'href="{settings.SITE_URL}"' in html.get_content()
    assert "correct horse" not in mail.as_string()


@pytest.mark.parametrize("spelling", ["pat@example.com", "Pat <PAT@EXAMPLE.com>"])
@override_settings(ALLOWED_HOSTS=["*"])
def test_the_reset_link_leads_to_this_site_and_sets_a_new_password_once(
    client: Client, spelling: str, mailoutbox: list[EmailMessage]
) -> None:
    sign_up(email="pat@example.com", name="Pat 🎉", password="correct horse")
    mailoutbox.clear()

    page = client.post(
        "/accounts/password/reset/",
        {"email": spelling},
        headers={"host": "evil.example"},
        follow=True,
    )

    mail = delivered(mailoutbox[0])
    link = reset_link(mail)
    assert "a mail with a link is on its way" in page.content.decode()
    assert mail["To"].addresses[0].addr_spec == "pat@example.com"
    assert mail["Subject"] == f"Your password at {settings.PROJECT['name']}"
    assert "evil.example" not in mail.as_string()
    form = client.get(link, follow=True)
    end = client.post(
        form.request["PATH_INFO"],
        {"new_password1": "battery staple", "new_password2": "battery staple"},
        follow=True,
    )
    assert "Your new password is set." in end.content.decode()
    assert User.objects.get().check_password("battery staple")
    assert "This link no longer works" in Client().get(link, follow=True).content.decode()


def reset_link(mail: Delivered) -> str:
    """Return the path of the link, the same in both parts."""
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None
    assert html is not None
    start = f"{settings.SITE_URL}/accounts/password/reset/"
    link: str = start + text.get_content().partition(start)[2].split()[0]
    assert f'href="{link}"' in html.get_content()
    return link.removeprefix(settings.SITE_URL)


@pytest.mark.parametrize("address", ["sam@example.com", "gone@example.com"])
def test_an_address_without_an_account_gets_the_same_answer_and_no_mail(
    client: Client, address: str, mailoutbox: list[EmailMessage]
) -> None:
    User.objects.create_user("gone@example.com", "correct horse", is_active=False)

    page = client.post("/accounts/password/reset/", {"email": address}, follow=True)

    assert "a mail with a link is on its way" in page.content.decode()
    assert mailoutbox == []


def test_a_reset_for_what_is_no_address_says_so(client: Client) -> None:
    page = client.post("/accounts/password/reset/", {"email": "pat"}).content.decode()

    assert "The part with the @ is missing." in page
