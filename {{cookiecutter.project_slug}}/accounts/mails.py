"""The mails about accounts."""

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
