"""Settings from the environment, for the tests and for the worker processes that they start."""

import os

import django

SECRET_KEY = "only-for-tests"
USE_TZ = True
ALLOWED_HOSTS = ["testserver"]
ROOT_URLCONF = "mail_shop.urls"
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "patterns.queued_mail",
    "patterns.idempotency",
    "patterns.failure_check",
    "patterns.durable_tasks",
    "mail_shop",
    "durable_shop",
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

QUEUED_MAIL_LEASE_SECONDS = float(os.environ.get("QUEUED_MAIL_TEST_LEASE_SECONDS", "360"))
SMTP_HOST = "127.0.0.1"
SMTP_PORT = int(os.environ.get("QUEUED_MAIL_TEST_SMTP_PORT", "1"))
SMTP_TIMEOUT = float(os.environ.get("QUEUED_MAIL_TEST_SMTP_TIMEOUT", "10"))
if django.VERSION >= (6, 1):
    MAILERS = {
        "default": {"BACKEND": "patterns.queued_mail.backend.EmailBackend"},
        "delivery": {
            "BACKEND": "patterns.queued_mail.smtp.EmailBackend",
            "OPTIONS": {"host": SMTP_HOST, "port": SMTP_PORT, "timeout": SMTP_TIMEOUT},
        },
    }
else:
    EMAIL_BACKEND = "patterns.queued_mail.backend.EmailBackend"
    EMAIL_HOST, EMAIL_PORT, EMAIL_TIMEOUT = SMTP_HOST, SMTP_PORT, SMTP_TIMEOUT
