"""What the addresses in the environment must look like: a wrong one is refused before its use.

Celery takes `redis//…` for AMQP, and a mail library an unknown scheme for SMTP without TLS: what is
not understood here would be understood wrongly there.
"""

from typing import NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit


class Form(NamedTuple):
    """How one variable's URL is written."""

    schemes: tuple[str, ...]
    example: str
    has_options: bool = False  # `?name=value`
    has_path: bool = False


# One meaning each, by the names that IANA gave the ports. `smtps`, `smtp+tls` and `smtp+ssl` are
# refused: libraries read them as port 465, as STARTTLS, or as no TLS at all.
MAIL_PORTS = {"smtp": 25, "submission": 587, "submissions": 465}

_WEB = ("https", "http")
_REDIS = Form(("redis", "rediss"), "redis://:password@host:6379/0", has_options=True)
FORMS = {
    "SITE_URL": Form(_WEB, "https://shop.example.com"),
    "DATABASE_URL": Form(
        ("postgresql", "postgres"),
        "postgresql://user:password@host:5432/name",
        has_options=True,
        has_path=True,
    ),
    "BROKER_URL": _REDIS,
    "ANALYTICS_BROKER_URL": _REDIS,  # analytics
    "EMAIL_URL": Form(
        tuple(MAIL_PORTS),
        "submission://user:password@host:587 (STARTTLS), submissions://user:password@host:465 (TLS)"
        " or smtp://host:25 (no TLS)",
    ),
    "PAYMENTS_URL": Form(_WEB, "https://payments.example.com"),
    "FLOWER_URL": Form(_WEB, "https://flower.example.com/flower/"),
}


def split(name: str, url: str) -> SplitResult:
    """Return the parts of the URL in variable `name`.

    Raises ValueError with what it should look like, never with the URL: it may hold a password.
    """
    form = FORMS[name]
    try:
        parts = urlsplit(url)
        good = parts.scheme in form.schemes and _is_whole(url, parts, form)
    except ValueError:
        good = False
    if not good:
        raise ValueError(
            f"it is not like {form.example}; a password's special characters are written %40"
        )
    return parts


def mail_settings(url: str) -> dict[str, str | int | bool]:
    """Return Django's settings for the mail server in EMAIL_URL. Raises ValueError, as split()."""
    parts = split("EMAIL_URL", url)
    return {
        "EMAIL_HOST": parts.hostname or "",
        "EMAIL_PORT": parts.port or MAIL_PORTS[parts.scheme],
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        # Django checks the server's certificate and name in both.
        "EMAIL_USE_TLS": parts.scheme == "submission",
        "EMAIL_USE_SSL": parts.scheme == "submissions",
    }


def _is_whole(url: str, parts: SplitResult, form: Form) -> bool:
    """Tell whether host and port are there, and nothing is where it does not belong."""
    # A password with a bare / ? or # ends the host early, and leaves its @ behind.
    rest = f"{parts.path}{parts.query}{parts.fragment}"
    return (
        bool(parts.hostname)
        and parts.port != 0  # raises ValueError where it is no number
        and "@" not in rest
        and not parts.fragment
        and (form.has_options or not parts.query)
        and (bool(parts.path.strip("/")) or not form.has_path)
        and not any(character.isspace() for character in url)
    )
