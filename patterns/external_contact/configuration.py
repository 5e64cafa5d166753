"""The settings, read when they are needed: a test may change them."""

from collections.abc import Sequence

from django.conf import settings

NAMES = ("EXTERNAL_CONTACT_MODE", "EXTERNAL_CONTACT_BROKERS", "EXTERNAL_CONTACT_ALLOWED")
MODES = ("raise", "log", "off")


def mode() -> str:
    """Return what happens on contact: by default the developer is stopped, and no customer."""
    given: str = getattr(settings, "EXTERNAL_CONTACT_MODE", "raise" if settings.DEBUG else "log")
    return given


def brokers() -> Sequence[str]:
    """Return the names of the settings that hold the URLs of brokers."""
    given: Sequence[str] = getattr(settings, "EXTERNAL_CONTACT_BROKERS", ())
    return given


def allowed() -> Sequence[str]:
    """Return what every request may contact: "host:port", or the path of a socket."""
    given: Sequence[str] = getattr(settings, "EXTERNAL_CONTACT_ALLOWED", ())
    return given
