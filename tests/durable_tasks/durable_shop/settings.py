"""Settings of the processes that tests start; what differs between them is in the environment."""

import json
import os

import django

SECRET_KEY = "only-for-tests"
USE_TZ = True
INSTALLED_APPS = ["patterns.durable_tasks", "durable_shop"]
if django.VERSION < (6, 0):
    INSTALLED_APPS.append("django_tasks")
_BACKEND = "patterns.durable_tasks.django_tasks.DurableBackend"
TASKS = {
    "default": {"BACKEND": _BACKEND, "QUEUES": ["default", "mail"]},
    "outside": {"BACKEND": _BACKEND, "OPTIONS": {"ATOMIC": False}},
    "retried": {"BACKEND": _BACKEND, "OPTIONS": {"MAX_RETRIES": 2}},
    "once": {"BACKEND": _BACKEND, "OPTIONS": {"MAX_RETRIES": 0, "RESULT_DAYS": 0}},
}
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": os.environ.get("DURABLE_TEST_DATABASE_HOST", "none.invalid"),
        "USER": "postgres",
        "NAME": "shop",
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
    }
}
DURABLE_TASKS_LEASE_SECONDS = float(os.environ.get("DURABLE_TEST_LEASE", "60"))
DURABLE_TASKS_PUBLICATION_LEASE_SECONDS = float(
    os.environ.get("DURABLE_TEST_PUBLICATION_LEASE", "30")
)
DURABLE_TASKS_POLL_SECONDS = float(os.environ.get("DURABLE_TEST_POLL", "0.5"))
DURABLE_TASKS_WINDOW = int(os.environ.get("DURABLE_TEST_WINDOW", "250"))
DURABLE_TASKS_UNKNOWN_TASK_SECONDS = float(os.environ.get("DURABLE_TEST_UNKNOWN", "3600"))
DURABLE_TASKS_OTHER_APPS = json.loads(os.environ.get("DURABLE_TEST_OTHER_APPS", "{}"))
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"], "level": "INFO"},
}
