"""Mail that goes past the queue: by the default backend, another mailer, or one named in code."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core import mail
from django.core.checks import CheckMessage, Error
from django.core.mail.backends import locmem
from django.utils.module_loading import import_string

from . import configuration
from .backend import EmailBackend

# What a backend is made with, and what sends by a mailer's alias.
MAKING = {"get_connection"}
SENDING = {"send_mail", "send_mass_mail", "mail_admins", "mail_managers", "send"}
BACKENDS = "EmailBackend"
# Where packages are installed, the second by Debian.
INSTALLED = {"site-packages", "dist-packages"}


def mail_past_the_queue() -> Iterator[CheckMessage]:
    """Settings and code by which a mail is sent at once, in the request."""
    default = "default" if configuration.has_mailers() else settings.EMAIL_BACKEND
    if not is_queued(default):
        yield Error(
            f"Mail is sent by {default!r}, in the request and whether or not it commits.",
            hint=f'Set EMAIL_BACKEND (in MAILERS: the BACKEND of "default") to '
            f'"{__package__}.backend.EmailBackend".',
            id="queued_mail.E008",
        )
    for alias in direct_mailers():
        yield Error(
            f"The mailer {alias!r} sends at once: whoever names it waits for its server.",
            hint=f'Set its BACKEND to "{__package__}.backend.EmailBackend", or remove it: the'
            f" worker delivers by {configuration.delivery_backend()!r}.",
            id="queued_mail.E009",
        )
    for where, what in direct_code():
        yield Error(
            f"{where}: {what} sends at once, in the request and whether or not it commits.",
            hint="Leave the backend out: the default one queues. What is to be sent by another"
            " server is QUEUED_MAIL_DELIVERY_BACKEND's.",
            id="queued_mail.E010",
        )


def backend_class(name: str) -> type:
    """Return the class behind a mailer's alias or a dotted path."""
    if configuration.has_mailers():
        name = configuration.mailer(name).get(
            "BACKEND", "django.core.mail.backends.smtp.EmailBackend"
        )
    found: type = import_string(name)
    return found


def is_queued(name: str) -> bool:
    """Tell whether a mailer or backend queues, or is the one that Django's tests put there."""
    try:
        found = backend_class(name)
    except (ImportError, LookupError):
        return False
    # `outbox` is there once Django's test environment is set up.
    is_of_tests = hasattr(mail, "outbox") and issubclass(found, locmem.EmailBackend)
    return issubclass(found, EmailBackend) or is_of_tests


def direct_mailers() -> list[str]:
    """Return the aliases of further mailers that send at once, the delivering one left out."""
    if not configuration.has_mailers():
        return []
    others = set(configuration.mailers()) - {"default", configuration.delivery_backend()}
    return sorted(alias for alias in others if not is_queued(alias))


def direct_code() -> Iterator[tuple[str, str]]:
    """Return file, line and call where the project's own apps name a backend that sends."""
    for file in own_files():
        source = file.read_text(encoding="utf-8", errors="replace")
        if not any(word in source for word in (*MAKING, BACKENDS, "using=")):
            continue
        try:
            tree = ast.parse(source)
        except SyntaxError:  # whoever imports it is told better
            continue
        direct = imported_backends(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and (told := _sends_at_once(node, direct)):
                yield f"{file}:{node.lineno}", told


def own_files() -> Iterator[Path]:
    """Return the modules of the apps that are neither installed nor patterns beside this one."""
    beside = str(__package__).rpartition(".")[0]
    for app in apps.get_app_configs():
        is_pattern = bool(beside) and app.name.startswith(f"{beside}.")
        folder = Path(app.path)
        if is_pattern or app.name == __package__ or INSTALLED & set(folder.parts):
            continue
        yield from sorted(each for each in folder.rglob("*.py") if "tests" not in each.parts)


def imported_backends(tree: ast.Module) -> set[str]:
    """Return the names under which a module imports classes of backends that send."""
    return {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module and not node.level
        for alias in node.names
        if alias.name == BACKENDS and not _queues(f"{node.module}.{alias.name}")
    }


def _sends_at_once(node: ast.Call, direct: set[str]) -> str:
    called = ast.unparse(node.func)
    name = called.rpartition(".")[2]
    if called in direct or called.endswith((f"smtp.{BACKENDS}", f"console.{BACKENDS}")):
        return f"{called}()"
    if name in MAKING:
        given = [*node.args[:1], *(each.value for each in node.keywords if each.arg == "backend")]
        named = [each.value for each in given if isinstance(each, ast.Constant) and each.value]
        return next((f"{name}({path!r})" for path in named if not _queues(str(path))), "")
    if name in SENDING and configuration.has_mailers():
        return next((f"{name}(using={each!r})" for each in _mailers_named(node)), "")
    return ""


def _mailers_named(node: ast.Call) -> Iterator[str]:
    for keyword in node.keywords:
        value: Any = getattr(keyword.value, "value", None)
        if keyword.arg == "using" and value in configuration.mailers() and not is_queued(value):
            yield value


def _queues(path: str) -> bool:
    try:
        return issubclass(import_string(path), EmailBackend)
    except (ImportError, TypeError):
        return False
