"""Who carries the token of the environment: a monitor, which has no session."""

import hmac

from django.conf import settings
from django.http import HttpRequest


def bears_metrics_token(request: HttpRequest) -> bool:
    """Tell whether `METRICS_TOKEN` came as the bearer's; where it is empty, nobody's counts."""
    # WSGI hands over bytes as Latin-1: this is what was sent.
    given = request.headers.get("Authorization", "").encode("latin-1", "replace")
    expected = f"Bearer {settings.METRICS_TOKEN}".encode()
    return bool(settings.METRICS_TOKEN) and hmac.compare_digest(given, expected)
