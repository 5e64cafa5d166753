"""What Flower's configuration calls, and what is refused at the start rather than left open."""

from collections.abc import Callable
from functools import partial
from importlib import import_module
from ipaddress import ip_address
from typing import Any
from urllib.parse import urljoin

import django
from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.shortcuts import resolve_url
from tornado.httpserver import HTTPServer
from tornado.options import add_parse_callback, options

from .gate import Gate
from .permission import may_see_flower
from .server import OWN_CHECK, GuardedServer


def guard(
    *,
    site_url: str,
    metrics_token: str = "",
    url_prefix: str = "flower",
    allowed: Callable[[Any], bool] = may_see_flower,
    allow_actions: bool = False,
    loopback_only: bool = True,
) -> None:
    """Put the check in front of every request to this process; call it in Flower's --conf file.

    `site_url` is where people log in. `metrics_token` opens /metrics and /healthcheck, and nothing
    else, to its bearer; empty, to nobody. Without `allow_actions` Flower is for looking: whatever
    would change something is refused to all. `loopback_only=False` is for a container whose network
    keeps strangers out. Raises SystemExit, with the remedy, where Flower could not be kept closed.
    """
    prefix = url_prefix.strip("/")
    gate = Gate(
        site_url=site_url,
        login_url=urljoin(site_url, _require_django(allowed)),
        root=f"/{prefix}/" if prefix else "/",
        metrics_token=metrics_token,
        allowed=allowed,
        is_read_only=not allow_actions,
    )
    HTTPServer.configure(GuardedServer, gate=gate)
    options.auth = OWN_CHECK
    options.url_prefix = prefix
    options.read_only = not allow_actions
    # The command line is read after the configuration, and could open what this has closed.
    add_parse_callback(partial(_refuse_open_options, prefix, loopback_only, allow_actions))


def _require_django(allowed: Callable[[Any], bool]) -> str:
    """Return the login page's path, once Django is able to tell who somebody is."""
    try:
        if not apps.ready:
            django.setup()
        get_user_model()
        store = import_module(settings.SESSION_ENGINE).SessionStore
        if hasattr(store, "get_model_class"):
            store.get_model_class()
        if allowed is may_see_flower:
            apps.get_app_config("flower_auth")
        return resolve_url(settings.LOGIN_URL)
    except Exception as error:
        reason = " ".join(str(error).split())
        raise SystemExit(
            f"Flower stays closed: it needs Django's settings, {__package__!r} in INSTALLED_APPS, "
            "users, sessions and LOGIN_URL to recognise staff "
            f"({type(error).__name__}: {reason})"
        ) from None


def _refuse_open_options(prefix: str, loopback_only: bool, allow_actions: bool) -> None:
    if options.auth != OWN_CHECK or options.basic_auth or options.auth_provider:
        raise SystemExit(
            "Flower stays closed: staff log in on the site. Drop auth, basic_auth, auth_provider"
        )
    if options.url_prefix.strip("/") != prefix:
        raise SystemExit("Flower stays closed: give url_prefix to guard(), not to Flower")
    if not (options.read_only or allow_actions):
        raise SystemExit("Flower stays closed: give allow_actions to guard(), not read_only=False")
    if loopback_only and not options.unix_socket and not _is_loopback(options.address):
        raise SystemExit(
            f"Flower stays closed: its address {options.address!r} is not loopback. "
            "Say address = '127.0.0.1', or guard(loopback_only=False)"
        )


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"
