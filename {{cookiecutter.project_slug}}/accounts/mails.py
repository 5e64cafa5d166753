"""The mails about accounts."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string

from accounts.addresses import format_mailbox
from accounts.models import User


def send_welcome(user: User) -> None:
    """Hand one welcome mail to Django's mail backend, which makes a task of it.

    Inside the signup's transaction: a signup that is undone sends nothing.
    """
    context = {"user": user, "project": settings.PROJECT, "site_url": settings.SITE_URL}
    mail = EmailMultiAlternatives(
        subject=f"Welcome to {settings.PROJECT['name']}",
        body=render_to_string("accounts/mail/welcome.txt", context),
        to=[format_mailbox(user.name, user.email)],
    )
    mail.attach_alternative(render_to_string("accounts/mail/welcome.html", context), "text/html")
    mail.send()


def send_password_reset(user: User, context: Mapping[str, Any]) -> None:
    """Hand the mail with the reset link to Django's mail backend, which makes a task of it.

    It expires with its link: after an outage of days nobody is sent one that no longer works.
    """
    mail = EmailMultiAlternatives(
        subject=f"Your password at {settings.PROJECT['name']}",
        body=render_to_string("accounts/mail/password_reset.txt", context),
        to=[user.email],
    )
    mail.attach_alternative(
        render_to_string("accounts/mail/password_reset.html", context), "text/html"
    )
    # An attribute that the mail backend reads; see patterns/queued_mail.
    mail.expires_in = timedelta(seconds=settings.PASSWORD_RESET_TIMEOUT)  # type: ignore[attr-defined]
    mail.send()
