"""Settings from the environment, for the tests and for the worker processes that they start."""

import os
from importlib.util import find_spec

import django

from standalone.header import Header

SECRET_KEY = "only-for-tests"
USE_TZ = True
ALLOWED_HOSTS = ["testserver"]
ROOT_URLCONF = "kit_project.urls"
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    # Apps of the tests; alone, a pattern has its own only.
    *(name for name in ("mail_shop", "durable_shop") if find_spec(name)),
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": os.environ.get("QUEUED_MAIL_TEST_DATABASE_HOST", "none.invalid"),
        "USER": "postgres",
        "NAME": "shop",
    }
}
# Django's own handler of error mails would send them through the queue.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "loggers": {"django": {"handlers": [], "level": "INFO"}},
}
DEFAULT_FROM_EMAIL = "The Shop <shop@example.com>"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
if django.VERSION >= (6, 1):
    # As a new project has it.
    MAILERS = {"default": {"BACKEND": "django.core.mail.backends.console.EmailBackend"}}

# Each pattern is wired as its header says, to the letter.
PATTERNS = (
    "patterns.failure_check",
    "patterns.idempotency",
    "patterns.durable_tasks",
    "patterns.queued_mail",
)


def is_here(package: str) -> bool:
    """Tell whether a pattern is here: in the kit all are, standing alone one is."""
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:
        return False


for package in filter(is_here, PATTERNS):
    for step in Header.of(package).steps(package, django.VERSION[:2]):
        if step.file == "settings.py":
            exec(step.text)

QUEUED_MAIL_LEASE_SECONDS = float(os.environ.get("QUEUED_MAIL_TEST_LEASE_SECONDS", "360"))
SMTP = {
    "host": "127.0.0.1",
    "port": int(os.environ.get("QUEUED_MAIL_TEST_SMTP_PORT", "1")),
    "timeout": float(os.environ.get("QUEUED_MAIL_TEST_SMTP_TIMEOUT", "10")),
}
if django.VERSION >= (6, 1):
    MAILERS.setdefault("delivery", {})["OPTIONS"] = SMTP
else:
    EMAIL_HOST, EMAIL_PORT, EMAIL_TIMEOUT = SMTP.values()
