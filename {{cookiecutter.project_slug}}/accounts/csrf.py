"""A form whose token is stale because its sender logged in meanwhile."""

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, resolve_url
from django.views.csrf import csrf_failure as explain


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponseBase:
    """Send whoever logs in or signs up twice, in two tabs, on to the shop; refuse all others.

    A login renews the token, so the form in the other tab is refused. Nothing was done with it.
    """
    if request.user.is_authenticated and request.path in _entrances():
        return logged_in_already(request)
    return explain(request, reason)


def logged_in_already(request: HttpRequest) -> HttpResponse:
    """Go on to the shop, and say who one is there."""
    messages.info(request, f"You are logged in already, as {request.user}.")
    return redirect(settings.LOGIN_REDIRECT_URL)


def _entrances() -> set[str]:
    return {resolve_url(name) for name in ("accounts:login", "accounts:signup")}
