"""The story's first code: the welcome mail is delivered while somebody waits for the signup."""

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.smtp import EmailBackend
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.urls import path

from accounts.models import User


def deliver(mail: EmailMessage) -> None:
    """Deliver at once, past the queue."""
    EmailBackend(host=settings.EMAIL_HOST, port=settings.EMAIL_PORT).send_messages([mail])


def signup(request: HttpRequest) -> HttpResponse:
    """Make an account and mail a welcome."""
    with transaction.atomic():
        user = User.objects.create_user(email=request.POST["email"])
        deliver(EmailMessage("Welcome!", to=[user.email]))
    return HttpResponse("Welcome!")


urlpatterns = [path("signup/", signup)]
