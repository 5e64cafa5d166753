"""The pages of the accounts."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import authenticate, login
from django.contrib.auth import views as auth_views
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse, reverse_lazy
from django.utils import timezone
from django.utils.html import format_html
from django.views.generic import FormView

from accounts import forms
from accounts.csrf import logged_in_already
from accounts.models import User
from accounts.signup import AddressTaken, sign_up

# A second signup this soon after the first is the same click or the same person's other tab.
SAME_SIGNUP = timedelta(minutes=1)


# Generic in the type stubs alone.
class SignupView(auth_views.RedirectURLMixin, FormView):  # type: ignore[type-arg]
    """Sign up. Twice the same address and password logs in; it makes and mails nothing twice."""

    template_name = "accounts/signup.html"
    form_class = forms.SignupForm
    next_page = settings.LOGIN_REDIRECT_URL

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Send somebody who is logged in where they were going."""
        if request.user.is_authenticated:
            is_sent = request.method == "POST"
            return logged_in_already(request) if is_sent else redirect(self.get_success_url())
        return super().dispatch(request, *args, **kwargs)

    def form_valid(self, form: forms.SignupForm) -> HttpResponse:
        """Create the account, or log into it where it is the visitor's own."""
        data = form.cleaned_data
        try:
            user = sign_up(email=data["email"], name=data["name"], password=data["password"])
        except AddressTaken:
            return self._log_in_or_refuse(form)
        return self._welcome(user, f"Welcome, {user.get_short_name()}.")

    def _log_in_or_refuse(self, form: forms.SignupForm) -> HttpResponse:
        data = form.cleaned_data
        user = authenticate(self.request, username=data["email"], password=data["password"])
        if not isinstance(user, User):
            form.add_error("email", _address_taken())
            return self.form_invalid(form)
        if timezone.now() - user.date_joined < SAME_SIGNUP:
            return self._welcome(user, f"Welcome, {user.get_short_name()}.")
        return self._welcome(
            user, f"Welcome back, {user.get_short_name()}. You had an account already."
        )

    def _welcome(self, user: User, message: str) -> HttpResponse:
        login(self.request, user)
        messages.success(self.request, message)
        return redirect(self.get_success_url())


def _address_taken() -> str:
    return format_html(
        'There is an account with this address already. <a href="{}">Log in</a> or '
        '<a href="{}">reset the password</a>.',
        reverse("accounts:login"),
        reverse("accounts:password_reset"),
    )


class LoginView(auth_views.LoginView):
    """Log in with an address."""

    template_name = "accounts/login.html"
    authentication_form = forms.LoginForm
    redirect_authenticated_user = True


class PasswordChangeView(auth_views.PasswordChangeView):
    """Change the password. Other sessions of the person end."""

    template_name = "accounts/password_change.html"
    form_class = forms.ChangePasswordForm
    success_url = reverse_lazy(settings.LOGIN_REDIRECT_URL)

    def form_valid(self, form: Any) -> HttpResponse:
        """Keep the new password and say so."""
        messages.success(self.request, "Your password is changed.")
        return super().form_valid(form)


class PasswordResetView(auth_views.PasswordResetView):
    """Mail a link that sets a new password. The answer is the same for an unknown address."""

    template_name = "accounts/password_reset.html"
    form_class = forms.ResetForm
    success_url = reverse_lazy("accounts:password_reset_done")
    # The address of the site comes from the settings: a request's Host header may be forged.
    extra_email_context = {"site_url": settings.SITE_URL, "project": settings.PROJECT}  # noqa: RUF012


class PasswordResetDoneView(auth_views.PasswordResetDoneView):
    """Say that the mail is on its way."""

    template_name = "accounts/password_reset_done.html"


class PasswordResetConfirmView(auth_views.PasswordResetConfirmView):
    """Set a new password with the link from the mail."""

    template_name = "accounts/password_reset_confirm.html"
    form_class = forms.SetPasswordForm
    success_url = reverse_lazy("accounts:login")

    def form_valid(self, form: Any) -> HttpResponse:
        """Keep the new password and say so."""
        messages.success(self.request, "Your new password is set. Log in with it.")
        return super().form_valid(form)
