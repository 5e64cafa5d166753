"""Check the servers that the environment names, before anything is started for nothing."""

import smtplib
import socket
from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit

import psycopg
import redis

from development.environment import BadEnvironment

TIMEOUT_SECONDS = 5.0  # a server that is there answers in milliseconds, over a far network too
DATABASE_SCHEMES = ("postgres", "postgresql")
BROKER_SCHEMES = ("redis", "rediss", "unix")


def check(environment: Mapping[str, str]) -> list[str]:
    """Ask every server that `environment` names, and return a line on each.

    Raises BadEnvironment for the first that is malformed or not reached, without its password.
    """
    checks = {
        "DATABASE_URL": _check_database,
        "BROKER_URL": _check_broker,
        "ANALYTICS_BROKER_URL": _check_broker,
        "EMAIL_URL": _check_mail,
        "PAYMENTS_URL": _check_payments,
    }
    given = {name: url for name in checks if (url := environment.get(name, ""))}
    for name, url in given.items():
        checks[name](name, url)
    same = given.get("BROKER_URL")
    if same is not None and same == given.get("ANALYTICS_BROKER_URL"):
        raise BadEnvironment(
            "ANALYTICS_BROKER_URL is the same as BROKER_URL: each app has a broker of its own, "
            "so that a flood of one does not stop the other. Set it to another server"
        )
    return [f"{name}: {_shown(url)}" for name, url in given.items()]


def _check_database(name: str, url: str) -> None:
    _split(name, url, DATABASE_SCHEMES, "postgresql://user:password@host:5432/database")
    try:
        psycopg.connect(url, connect_timeout=int(TIMEOUT_SECONDS)).close()
    except psycopg.Error as error:
        raise _unreachable(name, url, error) from None


def _check_broker(name: str, url: str) -> None:
    _split(name, url, BROKER_SCHEMES, "redis://:password@host:6379/0")
    try:
        with redis.Redis.from_url(
            url, socket_connect_timeout=TIMEOUT_SECONDS, socket_timeout=TIMEOUT_SECONDS
        ) as client:
            client.ping()
    except (redis.RedisError, ValueError, OSError) as error:
        raise _unreachable(name, url, error) from None


def _check_mail(name: str, url: str) -> None:
    # Here, since it loads Celery, which a start without EMAIL_URL need not wait for.
    from config.server_urls import mail_settings

    try:
        found = mail_settings(url)
    except ValueError as error:
        raise BadEnvironment(f"{name}: {error}. Correct it, or remove it") from None
    host, port = str(found["EMAIL_HOST"]), int(found["EMAIL_PORT"])
    try:
        if found["EMAIL_USE_SSL"]:  # it says nothing before TLS
            socket.create_connection((host, port), TIMEOUT_SECONDS).close()
        else:
            smtplib.SMTP(host, port, timeout=TIMEOUT_SECONDS).close()
    except (OSError, smtplib.SMTPException) as error:
        raise _unreachable(name, url, error) from None


def _check_payments(name: str, url: str) -> None:
    parts = _split(name, url, ("http", "https"), "https://api.example.com")
    _connect(name, url, parts, 443 if parts.scheme == "https" else 80)


def _connect(name: str, url: str, parts: SplitResult, default_port: int) -> None:
    try:
        address = (parts.hostname or "", parts.port or default_port)
        socket.create_connection(address, TIMEOUT_SECONDS).close()
    except (OSError, ValueError) as error:
        raise _unreachable(name, url, error) from None


def _split(name: str, url: str, schemes: tuple[str, ...], example: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        is_good = parts.scheme in schemes and bool(parts.netloc or parts.path)
        # A port that is no number is an error of its own.
        _ = parts.port
    except ValueError:
        is_good = False
    if not is_good:
        raise BadEnvironment(f"{name} is not a URL like {example}. Correct it, or remove it")
    return parts


def _unreachable(name: str, url: str, error: Exception) -> BadEnvironment:
    password = urlsplit(url).password
    reason = " ".join(str(error).split()) or type(error).__name__
    if password:
        reason = reason.replace(password, "***")
    return BadEnvironment(
        f"{name}: {_shown(url)} does not answer ({reason}). Start that server, correct the URL, "
        f"or remove {name}, so that start.py runs a server of its own"
    )


def _shown(url: str) -> str:
    """Return the URL without user, password and options, any of which may be a secret."""
    parts = urlsplit(url)
    address = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{address}{parts.path}"
